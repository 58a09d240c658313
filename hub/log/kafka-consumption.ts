/** One consumer of a group on Kafka: chunks out of what was fetched, handled, committed; made again when it ends. */

import { type Backoff, retryUntil } from './backoff.ts'
import { charactersOf } from './kafka-lane.ts'
import {
  type ConsumeOptions,
  type Consumption,
  chunkDefaults,
  type LogChunk,
  type StoredMessage,
} from './log.ts'

/** What the driver fetched of one partition. */
export interface FetchedBatch {
  readonly partition: number
  readonly messages: readonly StoredMessage[]
  /** False once the partition went to another member, or the consumer ended. */
  readonly isCurrent: () => boolean
  readonly heartbeat: () => Promise<void>
  readonly commit: (lastOffset: bigint) => Promise<void>
}

/** Starts a consumer of the driver, resolves when it has joined its group, and answers how to end it. */
export type StartConsumer = (
  eachBatch: (batch: FetchedBatch) => Promise<void>,
  onGivenUp: (error: Error) => void,
) => Promise<() => Promise<void>>

const heartbeatEveryMs = 3_000

export class KafkaConsumption implements Consumption {
  readonly #startConsumer: StartConsumer
  readonly #topic: string
  readonly #handle: (chunk: LogChunk) => Promise<void>
  readonly #options: ConsumeOptions
  readonly #backoff: Backoff
  readonly #stopping = new AbortController()
  #end: () => Promise<void> = async () => undefined

  constructor(
    startConsumer: StartConsumer,
    topic: string,
    handle: (chunk: LogChunk) => Promise<void>,
    options: ConsumeOptions,
    backoff: Backoff,
  ) {
    this.#startConsumer = startConsumer
    this.#topic = topic
    this.#handle = handle
    this.#options = options
    this.#backoff = backoff
  }

  async start(): Promise<void> {
    this.#end = await this.#startConsumer(
      (batch) => this.#eachBatch(batch),
      (error) => void this.#startAgain(error),
    )
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#end()
  }

  // The driver gives up for good when, for one, its membership expired while the machine slept.
  async #startAgain(error: Error): Promise<void> {
    const { signal } = this.#stopping
    this.#options.onRetry?.(error, 1, null)
    const again = async () => {
      await this.#end().catch(() => undefined)
      if (!signal.aborted) await this.start()
      if (signal.aborted) await this.#end()
    }
    const onRetry = (failed: unknown, attempt: number) =>
      this.#options.onRetry?.(failed, attempt + 1, null)
    await retryUntil(signal, this.#backoff, again, onRetry)
  }

  async #eachBatch(batch: FetchedBatch): Promise<void> {
    const { signal } = this.#stopping
    // A failed heartbeat is not the end: the commit after the chunk says so, where it can be handled.
    const beat = () => void batch.heartbeat().catch(() => undefined)
    const beating = setInterval(beat, heartbeatEveryMs)
    try {
      for (const chunk of chunksOf(this.#topic, batch, this.#options)) {
        if (signal.aborted || !batch.isCurrent()) return
        const onRetry = (error: unknown, attempt: number) =>
          this.#options.onRetry?.(error, attempt, chunk)
        const handled = await retryUntil(signal, this.#backoff, () => this.#handle(chunk), onRetry)
        if (!handled) return
        await batch.commit(chunk.lastOffset)
      }
    } finally {
      clearInterval(beating)
    }
  }
}

function* chunksOf(
  topic: string,
  { partition, messages: fetched }: FetchedBatch,
  options: ConsumeOptions,
): Generator<LogChunk> {
  const { chunkMessagesMax, chunkCharactersMax } = { ...chunkDefaults, ...options }
  let messages: StoredMessage[] = []
  let characters = 0
  for (const message of fetched) {
    const more = charactersOf([message])
    const full = messages.length >= chunkMessagesMax || characters + more > chunkCharactersMax
    if (messages.length > 0 && full) {
      yield toChunk(topic, partition, messages)
      messages = []
      characters = 0
    }
    messages.push(message)
    characters += more
  }
  if (messages.length > 0) yield toChunk(topic, partition, messages)
}

function toChunk(topic: string, partition: number, messages: readonly StoredMessage[]): LogChunk {
  const firstOffset = messages[0]?.offset ?? 0n
  const lastOffset = messages.at(-1)?.offset ?? firstOffset
  return { topic, partition, firstOffset, lastOffset, messages }
}
