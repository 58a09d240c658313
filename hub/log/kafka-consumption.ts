/** One consumer of a group on Kafka: chunks planned, handled, committed; joined again whenever the driver gives up. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, pause, retryUntil } from './backoff.ts'
import { type ChunkBounds, chunkLength, toChunk } from './kafka-chunks.ts'
import type { FetchedBatch, Membership } from './kafka-membership.ts'
import {
  type ConsumeOptions,
  type Consumption,
  chunkDefaults,
  type LogChunk,
  type StoredMessage,
} from './log.ts'

/** Joins the group, and hands over what the driver fetches. */
export type Join = (eachBatch: (batch: FetchedBatch) => Promise<void>) => Promise<Membership>

export interface KafkaConsumptionOptions {
  readonly join: Join
  readonly topic: string
  readonly handle: (chunk: LogChunk) => Promise<void>
  readonly options: ConsumeOptions
  readonly backoff: Backoff
  readonly heartbeatMs: number
}

/** Messages of a planned chunk whose end is still to be fetched. */
interface Held {
  readonly generation: number
  readonly messages: readonly StoredMessage[]
}

/** How long the driver may take to leave its group; brokers that are away would hold it for ever. */
const leaveTimeoutMs = 5_000

export class KafkaConsumption implements Consumption {
  readonly #given: KafkaConsumptionOptions
  readonly #bounds: ChunkBounds
  readonly #stopping = new AbortController()
  readonly #inHand = new Set<Promise<void>>()
  readonly #held = new Map<number, Held>()
  #membership: Membership | null = null
  #watching: Promise<void> = Promise.resolve()

  constructor(given: KafkaConsumptionOptions) {
    this.#given = given
    this.#bounds = { ...chunkDefaults, ...given.options }
  }

  async start(): Promise<void> {
    const first = await this.#join()
    this.#watching = this.#watch(first)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled(this.#inHand)
    const left = this.#watching.then(() => this.#membership?.end())
    await Promise.race([
      left.catch(() => undefined),
      sleep(leaveTimeoutMs, undefined, { ref: false }),
    ])
  }

  async #join(): Promise<Membership> {
    const membership = await this.#given.join((batch) => this.#track(this.#eachBatch(batch)))
    this.#membership = membership
    return membership
  }

  async #track(handling: Promise<void>): Promise<void> {
    this.#inHand.add(handling)
    await handling.finally(() => this.#inHand.delete(handling))
  }

  // The driver gives up for good when, for one, its membership expired while the machine slept.
  async #watch(first: Membership): Promise<void> {
    const { signal } = this.#stopping
    const { backoff, options } = this.#given
    const stopped = new Promise<null>((resolve) =>
      signal.addEventListener('abort', () => resolve(null)),
    )
    for (let membership = first; ; ) {
      const error = await Promise.race([membership.givenUp, stopped])
      if (error === null || signal.aborted) return
      options.onRetry?.(error, 1, null)
      await membership.end().catch(() => undefined)
      await pause(backoff.firstMs, signal)
      const again = async () => {
        if (!signal.aborted) membership = await this.#join()
      }
      await retryUntil(signal, backoff, again, (failed, attempt) =>
        options.onRetry?.(failed, attempt + 1, null),
      )
    }
  }

  async #eachBatch(batch: FetchedBatch): Promise<void> {
    // A group that moves on, or is not reached, takes the partition from a handler that keeps failing.
    const leaving = new AbortController()
    const beat = () => void batch.heartbeat().catch((error) => leaving.abort(error))
    const beating = setInterval(beat, this.#given.heartbeatMs)
    const signal = AbortSignal.any([this.#stopping.signal, leaving.signal])
    try {
      await this.#handleBatch(batch, signal)
    } finally {
      clearInterval(beating)
    }
    // Told to the driver, so that it joins again.
    if (leaving.signal.aborted && !this.#stopping.signal.aborted) throw leaving.signal.reason
  }

  async #handleBatch(batch: FetchedBatch, signal: AbortSignal): Promise<void> {
    let rest = this.#withHeld(batch)
    let { plannedLast } = batch
    while (rest.length > 0 && batch.isCurrent() && !signal.aborted) {
      const length = chunkLength(rest, plannedLast, this.#bounds)
      if (length === null) {
        this.#hold(batch, rest)
        return
      }
      const chunk = toChunk(this.#given.topic, batch.partition, rest.slice(0, length))
      if (chunk.lastOffset !== plannedLast) await batch.plan(chunk)
      const handled = await this.#handle(chunk, signal)
      // What was handled while the partition changed hands comes again, to whom it belongs now.
      if (!handled || !batch.isCurrent()) return
      await batch.commit(chunk)
      this.#held.delete(batch.partition)
      rest = rest.slice(length)
      plannedLast = null
    }
  }

  #handle(chunk: LogChunk, signal: AbortSignal): Promise<boolean> {
    const { handle, backoff, options } = this.#given
    const onRetry = (error: unknown, attempt: number) => options.onRetry?.(error, attempt, chunk)
    return retryUntil(signal, backoff, () => handle(chunk), onRetry)
  }

  #withHeld({ partition, generation, messages }: FetchedBatch): readonly StoredMessage[] {
    const held = this.#held.get(partition)
    const first = messages[0]
    if (held?.generation !== generation || !first) return messages
    return [...held.messages.filter(({ offset }) => offset < first.offset), ...messages]
  }

  #hold({ partition, generation, readAfter }: FetchedBatch, rest: readonly StoredMessage[]): void {
    this.#held.set(partition, { generation, messages: rest })
    readAfter(rest.at(-1)?.offset ?? 0n)
  }
}
