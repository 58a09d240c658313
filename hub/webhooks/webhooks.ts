import type { Logger } from 'pino'
import { RequestRefused } from '#shared/request-refused.ts'
import type { HubMetrics } from '../metrics.ts'
import type { Row } from '../rows.ts'
import { Deliverer, type DeliveryRules } from './deliverer.ts'
import { type Endpoint, wants } from './endpoint.ts'
import { messageOf } from './message.ts'
import { WebhookQueue } from './queue.ts'

interface WebhooksPorts {
  /** Where the queue lies. */
  readonly directory: string
  readonly endpoints: readonly Endpoint[]
  readonly allowPrivate: boolean
  readonly rules: DeliveryRules
  readonly metrics: HubMetrics
  readonly logger: Logger
  readonly now: () => number
  readonly random: () => number
}

/** Dead deliveries of one answer, and of one replay. */
const deadListedMax = 1_000

/** Decisions on their way to the endpoints of their site: queued when they are stored, sent in each visitor's order. */
export class Webhooks {
  readonly #ports: WebhooksPorts
  readonly #queue: WebhookQueue
  readonly #deliverer: Deliverer

  constructor(ports: WebhooksPorts) {
    this.#ports = ports
    this.#queue = new WebhookQueue(ports.directory)
    this.#deliverer = new Deliverer({ ...ports, queue: this.#queue })
    for (const { name } of ports.endpoints) {
      for (const outcome of ['delivered', 'failed', 'dead', 'no_room']) {
        ports.metrics.webhooks.inc({ endpoint: name, outcome }, 0)
      }
    }
  }

  start(): void {
    this.#deliverer.wake()
  }

  async stop(): Promise<void> {
    await this.#deliverer.stop()
    this.#queue.close()
  }

  /** Queues stored decisions, durable when it returns. A decision that comes again while it waits is one. */
  enqueue(decisions: readonly Row[]): void {
    if (decisions.length === 0) return
    const { endpoints, metrics, logger, now } = this.#ports
    for (const endpoint of endpoints) {
      const messages = decisions.filter((row) => wants(endpoint, row as never)).map(messageOf)
      if (messages.length === 0) continue
      const left = this.#queue.add(endpoint.name, messages, now())
      if (left === 0) continue
      metrics.webhooks.inc({ endpoint: endpoint.name, outcome: 'no_room' }, left)
      logger.error(
        { endpoint: endpoint.name, decisions: left },
        'webhooks had no room in the queue',
      )
    }
    this.#deliverer.wake()
  }

  /** What waits and what was given up, by endpoint; without secrets. */
  list() {
    return this.#ports.endpoints.map(({ name, site, url, placements }) => {
      const { waiting, dead } = this.#queue.depth(name)
      return { name, site, url, placements: placements ?? null, waiting, dead }
    })
  }

  /** Deliveries that were given up, in their order. Throws RequestRefused for an endpoint that is not here. */
  dead(name: string) {
    this.#find(name)
    return this.#queue
      .dead(name, deadListedMax)
      .map(({ number, id, visitor, attempts, reason, diedAtMs, body }) => ({
        ...{ number, id, visitor, attempts, reason },
        ...{ diedAt: new Date(diedAtMs).toISOString(), body },
      }))
  }

  /** Sends again what was given up: one, or all that `dead` lists. */
  replay(name: string, number: number | null): { readonly replayed: number } {
    const numbers = this.#deadNumbers(name, number)
    const replayed = numbers.filter((each) => this.#queue.revive(each, this.#ports.now())).length
    this.#deliverer.wake()
    return { replayed }
  }

  /** Forgets what was given up: one, or all that `dead` lists. */
  discard(name: string, number: number | null): { readonly discarded: number } {
    const numbers = this.#deadNumbers(name, number)
    return { discarded: numbers.filter((each) => this.#queue.discard(each)).length }
  }

  erase(site: string, visitor: string): number {
    return this.#queue.erase(site, visitor)
  }

  #deadNumbers(name: string, number: number | null): number[] {
    const all = this.dead(name).map((delivery) => delivery.number)
    return number === null ? all : all.filter((each) => each === number)
  }

  #find(name: string): Endpoint {
    const found = this.#ports.endpoints.find((endpoint) => endpoint.name === name)
    if (found) return found
    const names = this.#ports.endpoints.map((endpoint) => endpoint.name).join(', ') || 'none'
    throw new RequestRefused(404, 'unknown_endpoint', `the webhook endpoints here are: ${names}`)
  }
}
