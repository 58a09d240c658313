import type { Logger } from 'pino'
import type { HubMetrics } from '../metrics.ts'
import { type HubSignature, RefusedByPop } from '../publishing/send-signed.ts'
import type { Erasure, Registry } from '../registry/registry.ts'
import { Rounds } from '../rounds.ts'
import type { Store } from '../store/store.ts'
import { eraseAtPop } from './ask-pop.ts'
import { storeTarget, waitingFor } from './coverage.ts'
import type { Erasures } from './erasures.ts'
import { eraseStored } from './stored.ts'

interface EraserPorts extends HubSignature {
  readonly popUrls: readonly string[]
  readonly registry: Registry
  readonly store: Store
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
  #ordersTotal = 0

  constructor(ports: EraserPorts) {
    this.#ports = ports
  }

  /** Reads the orders; before it, nothing may be stored. Throws where the registry is away. */
  async load(): Promise<readonly Erasure[]> {
    const { registry, popUrls, erasures, metrics, now } = this.#ports
    const since = new Date(now() - rememberedMs)
    const wanted = { since, targets: popUrls, lastTarget: storeTarget }
    const orders = await registry.erasures(wanted, ordersMax)
    erasures.replace(orders)
    this.#ordersTotal = orders.length
    const open = orders.filter((order) => waitingFor(order, popUrls).length > 0)
    metrics.erasuresOpen.set(open.length)
    return open
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  get isFull(): boolean {
    return this.#ordersTotal >= ordersMax
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
    const { popUrls, logger } = this.#ports
    this.#failures = new Map()
    try {
      const open = await this.load()
      await Promise.all(popUrls.map((pop) => this.#tell(pop, open)))
      // Again: what the POPs have confirmed is deleted by epoch.
      await this.#eraseFromStore(await this.load())
    } catch (cause) {
      logger.warn({ reason: String(cause) }, 'erasures were not looked at')
    }
  }

  async #tell(pop: string, open: readonly Erasure[]): Promise<void> {
    let away: unknown = null
    for (const order of this.#due(open, pop)) {
      if (away === null) {
        away = await this.#attempt(order, pop, async () => {
          const { found, ...life } = await eraseAtPop(pop, order, this.#ports)
          return { pop: life.pop, epoch: life.epoch, found }
        })
      } else this.#fail(order, pop, away)
    }
  }

  async #eraseFromStore(open: readonly Erasure[]): Promise<void> {
    const due = this.#due(open, storeTarget)
    if (due.length === 0) return
    const { erasures, store } = this.#ports
    await erasures.settled()
    for (const order of due) {
      await this.#attempt(order, storeTarget, async () => ({
        ...{ pop: null, epoch: null },
        found: await eraseStored(order, store),
      }))
    }
  }

  #due(open: readonly Erasure[], target: string): Erasure[] {
    const { popUrls } = this.#ports
    return open.filter((order) => waitingFor(order, popUrls).includes(target)).slice(0, toldMax)
  }

  /** Answers what failed where the target did not answer at all: nobody asks it a second time in this round. */
  async #attempt(
    order: Erasure,
    target: string,
    erase: () => Promise<Pick<Erasure['confirmations'][number], 'pop' | 'epoch' | 'found'>>,
  ): Promise<unknown> {
    const { registry, now } = this.#ports
    try {
      const done = await erase()
      await registry.addErasureConfirmation(order.number, { target, at: new Date(now()), ...done })
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
