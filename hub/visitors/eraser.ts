import type { Logger } from 'pino'
import type { HubMetrics } from '../metrics.ts'
import { type HubSignature, RefusedByPop } from '../publishing/send-signed.ts'
import type { Erasure, Registry } from '../registry/registry.ts'
import { Rounds } from '../rounds.ts'
import type { Store } from '../store/store.ts'
import type { Webhooks } from '../webhooks/webhooks.ts'
import { eraseAtPop } from './ask-pop.ts'
import { storeTarget, waitingFor } from './coverage.ts'
import type { Erasures } from './erasures.ts'
import { eraseStored } from './stored.ts'

interface EraserPorts extends HubSignature {
  readonly popUrls: readonly string[]
  readonly registry: Registry
  readonly store: Store
  readonly webhooks: Webhooks
  readonly erasures: Erasures
  readonly metrics: HubMetrics
  readonly logger: Logger
}

/** How soon a POP that was away, or is new, is told. */
const repeatMs = 10_000
/** Orders that one target is told in one round; the others have the next. */
const toldMax = 100
/** Orders held in memory, about 300 bytes each; past it no order is taken. */
export const ordersMax = 50_000
/** What was made before an order lies in the log no longer than this: Kafka's seven days and one to catch up. */
const rememberedMs = 8 * 24 * 3_600_000

/** Has every POP and the store do what the orders say, again and again, until each has confirmed. */
export class Eraser {
  readonly #ports: EraserPorts
  readonly #rounds = new Rounds(() => this.#round(), repeatMs)
  #failures = new Map<string, string>()

  constructor(ports: EraserPorts) {
    this.#ports = ports
  }

  /**
   * Reads from the registry which orders still matter; before it, nothing may be stored. Once, at start: from
   * then on this process knows every order, and the registry only grows. Throws where the registry is away.
   */
  async load(): Promise<void> {
    const { registry, popUrls, erasures, now } = this.#ports
    const since = new Date(now() - rememberedMs)
    const wanted = { since, targets: popUrls, lastTarget: storeTarget }
    for (const order of await registry.erasures(wanted, ordersMax)) erasures.set(order)
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  get isFull(): boolean {
    return this.#ports.erasures.size >= ordersMax
  }

  /** Does now what is to be done; resolves when everybody has confirmed, failed or was too long away. */
  eraseNow(): Promise<void> {
    return this.#rounds.now()
  }

  /** Why a target has not confirmed an order yet. */
  failureOf({ number }: Erasure, target: string): string {
    return this.#failures.get(`${number} ${target}`) ?? 'other orders come first; it will be told'
  }

  async #round(): Promise<void> {
    const { popUrls, erasures, metrics } = this.#ports
    this.#failures = new Map()
    await Promise.all(popUrls.map((pop) => this.#tell(pop)))
    await this.#eraseFromStore()
    const isOpen = (order: Erasure) => waitingFor(order, popUrls).length > 0
    metrics.erasuresOpen.set(erasures.all().filter(isOpen).length)
    for (const order of erasures.all()) {
      if (!isOpen(order) && this.#isPast(order)) erasures.delete(order)
    }
  }

  /** Whether the log holds nothing any more that the order could cover. */
  #isPast({ at, confirmations }: Erasure): boolean {
    const lastAt = confirmations.at(-1)?.at ?? at
    return lastAt.getTime() < this.#ports.now() - rememberedMs
  }

  async #tell(pop: string): Promise<void> {
    let away: unknown = null
    for (const order of this.#due(pop)) {
      if (away === null) {
        away = await this.#attempt(order, pop, async () => {
          const { found, ...life } = await eraseAtPop(pop, order, this.#ports)
          return { pop: life.pop, epoch: life.epoch, found }
        })
      } else this.#fail(order, pop, away)
    }
  }

  /** After the POPs: what they have confirmed is deleted by epoch. */
  async #eraseFromStore(): Promise<void> {
    const due = this.#due(storeTarget)
    if (due.length === 0) return
    const { erasures, store, webhooks } = this.#ports
    await erasures.settled()
    for (const order of due) {
      webhooks.erase(order.site, order.visitor)
      await this.#attempt(order, storeTarget, async () => ({
        ...{ pop: null, epoch: null },
        found: await eraseStored(order, store),
      }))
    }
  }

  #due(target: string): Erasure[] {
    const { popUrls, erasures } = this.#ports
    const isWaiting = (order: Erasure) => waitingFor(order, popUrls).includes(target)
    return erasures.all().filter(isWaiting).slice(0, toldMax)
  }

  /** Answers what failed where the target did not answer at all: nobody asks it a second time in this round. */
  async #attempt(
    order: Erasure,
    target: string,
    erase: () => Promise<Pick<Erasure['confirmations'][number], 'pop' | 'epoch' | 'found'>>,
  ): Promise<unknown> {
    const { registry, erasures, now } = this.#ports
    try {
      const confirmation = { target, at: new Date(now()), ...(await erase()) }
      await registry.addErasureConfirmation(order.number, confirmation)
      // Read again: another POP may have confirmed meanwhile.
      const { confirmations } = erasures.get(order.number) ?? order
      erasures.set({ ...order, confirmations: [...confirmations, confirmation] })
      return null
    } catch (cause) {
      this.#fail(order, target, cause)
      return cause instanceof RefusedByPop ? null : cause
    }
  }

  #fail({ number }: Erasure, target: string, cause: unknown): void {
    this.#failures.set(`${number} ${target}`, String(cause))
    // By number: a log line names no visitor.
    this.#ports.logger.warn({ order: number, target, reason: String(cause) }, 'not erased yet')
  }
}
