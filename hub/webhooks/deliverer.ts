import type { Logger } from 'pino'
import type { Backoff } from '../log/backoff.ts'
import { backoffMs } from '../log/backoff.ts'
import type { HubMetrics } from '../metrics.ts'
import type { Endpoint } from './endpoint.ts'
import { postWebhook } from './post.ts'
import type { Delivery, WebhookQueue } from './queue.ts'

/** How hard an endpoint is tried. */
export interface DeliveryRules {
  readonly backoff: Backoff
  readonly attemptsMax: number
  readonly timeMaxMs: number
  readonly atOnceMax: number
}

/** 1, 2, 4 … s, at most 10 minutes: 20 attempts take about two hours. */
export const deliveryRules: DeliveryRules = {
  backoff: { firstMs: 1_000, longestMs: 600_000 },
  attemptsMax: 20,
  timeMaxMs: 10_000,
  atOnceMax: 16,
}

interface DelivererPorts {
  readonly endpoints: readonly Endpoint[]
  readonly queue: WebhookQueue
  readonly rules: DeliveryRules
  readonly allowPrivate: boolean
  readonly metrics: HubMetrics
  readonly logger: Logger
  readonly now: () => number
  /** 0 to 1. */
  readonly random: () => number
}

/** A timer longer than this would only hide a clock that was set. */
const sleepMsMax = 60_000
/** How long nothing is sent after the queue could not be written. */
const restMs = 5_000

/** Sends what waits, each endpoint for itself, so that one that hangs holds up no other. */
export class Deliverer {
  readonly #ports: DelivererPorts
  /** By number in the queue: to which endpoint, and what ends with it. */
  readonly #sending = new Map<
    number,
    { readonly endpoint: string; readonly ended: Promise<void> }
  >()
  #timer: NodeJS.Timeout | null = null
  #isStopped = false
  #restUntilMs = 0

  constructor(ports: DelivererPorts) {
    this.#ports = ports
  }

  /** Sends what is due, and wakes when more will be. */
  wake(): void {
    if (this.#isStopped) return
    const isResting = this.#ports.now() < this.#restUntilMs
    if (!isResting) for (const endpoint of this.#ports.endpoints) this.#sendDue(endpoint)
    this.#sleep()
  }

  /** Ends after what is being sent: that has an answer or a time limit. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await Promise.all([...this.#sending.values()].map(({ ended }) => ended))
  }

  #sendDue(endpoint: Endpoint): void {
    const { queue, rules, now } = this.#ports
    // Those in hand are due still; asking for as many more finds the others.
    for (const delivery of queue.due(endpoint.name, now(), 2 * rules.atOnceMax)) {
      if (this.#sending.has(delivery.number)) continue
      if (this.#inHand(endpoint.name) >= rules.atOnceMax) return
      const ended = this.#send(endpoint, delivery).then(
        () => this.#sent(delivery),
        (cause) => this.#rest(delivery, cause),
      )
      this.#sending.set(delivery.number, { endpoint: endpoint.name, ended })
    }
  }

  #sent({ number }: Delivery): void {
    this.#sending.delete(number)
    this.wake()
  }

  /** What became of it could not be written down (a full disk): it is due still, and is sent again, but not at once. */
  #rest({ number }: Delivery, cause: unknown): void {
    this.#sending.delete(number)
    this.#ports.logger.error({ reason: String(cause) }, 'the queue of webhooks does not write')
    this.#restUntilMs = this.#ports.now() + restMs
    this.#sleep()
  }

  #inHand(name: string): number {
    return [...this.#sending.values()].filter(({ endpoint }) => endpoint === name).length
  }

  async #send(endpoint: Endpoint, delivery: Delivery): Promise<void> {
    const { queue, rules, now, allowPrivate, metrics, logger } = this.#ports
    const ports = { now, allowPrivate, timeMaxMs: rules.timeMaxMs }
    const attempt = await postWebhook(endpoint, delivery, ports)
    const count = (outcome: string) => metrics.webhooks.inc({ endpoint: endpoint.name, outcome })
    if (attempt.ok) {
      queue.delivered(delivery, now())
      return count('delivered')
    }
    const attempts = delivery.attempts + 1
    const told = { endpoint: endpoint.name, id: delivery.id, attempts, reason: attempt.reason }
    if (attempt.isFinal || attempts >= rules.attemptsMax) {
      queue.die(delivery, now(), attempt.reason)
      logger.error(told, 'a webhook was given up; it can be replayed')
      return count('dead')
    }
    queue.retryAt(delivery, now() + this.#waitMs(attempts, attempt.retryAfterMs), attempt.reason)
    logger.warn(told, 'a webhook was not taken, trying again')
    count('failed')
  }

  /** Exponential with a quarter of jitter; longer where the endpoint asked for it, within the same bound. */
  #waitMs(attempts: number, askedMs: number | null): number {
    const { backoff } = this.#ports.rules
    const wait = backoffMs(attempts, backoff) * (0.75 + this.#ports.random() / 2)
    return Math.round(Math.min(backoff.longestMs, Math.max(wait, askedMs ?? 0)))
  }

  #sleep(): void {
    if (this.#timer) clearTimeout(this.#timer)
    const dueAtMs = this.#ports.queue.nextDueAtMs()
    if (dueAtMs === null) return
    const atMs = Math.max(dueAtMs, this.#restUntilMs)
    const waitMs = Math.min(sleepMsMax, Math.max(0, atMs - this.#ports.now()))
    // What is due and in hand wakes us itself; a timer of 0 would only spin.
    if (waitMs === 0 && this.#sending.size > 0) return
    this.#timer = setTimeout(() => this.wake(), waitMs).unref()
  }
}
