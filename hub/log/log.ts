/** The log port: a durable, partitioned, ordered queue between ingest and everything that reads it. */

import { limits } from '#shared/limits.ts'

/** One message to append. `key` (site and visitor) decides the partition, `identity` is its own for ever. */
export interface LogMessage {
  readonly key: string
  readonly identity: string
  readonly value: string
}

/** A message as the log holds it. */
export interface StoredMessage extends LogMessage {
  readonly offset: bigint
  readonly appendedAtMs: number
  /** The value as it lies in the log, where it is not text in UTF-8; `value` is then what could be read of it. */
  readonly bytes?: Uint8Array
}

/** Consecutive messages of one partition; `topic:partition:firstOffset-lastOffset` names it for ever. */
export interface LogChunk {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly messages: readonly StoredMessage[]
}

/** What an append did; `duplicates` were in the log already (Kafka cannot know, and says 0). */
export interface Appended {
  readonly appended: number
  readonly duplicates: number
}

/** How far one partition of a group is behind; `oldestAppendedAtMs` is null when nothing waits. */
export interface PartitionLag {
  readonly partition: number
  readonly messages: number
  readonly oldestAppendedAtMs: number | null
}

/** How much of its room a log uses, in bytes; past `bytesMax` it refuses appends. */
export interface LogSize {
  readonly bytes: number
  readonly bytesMax: number
}

/** A running consumer. */
export interface Consumption {
  /** Ends the consumer after the chunk in hand; a chunk whose handler keeps throwing is left for next time. */
  stop(): Promise<void>
}

/** Bounds and hooks of one consumer. */
export interface ConsumeOptions {
  /** Messages a chunk, at most. */
  readonly chunkMessagesMax?: number
  /** Characters of keys and values a chunk, at most; a single larger message still comes alone. */
  readonly chunkCharactersMax?: number
  /** How long an unfilled chunk waits for company, so that a store gets few large inserts. */
  readonly lingerMs?: number
  /** Told of every failed attempt, so that the caller can log and count it; chunk is null when the log itself failed. */
  readonly onRetry?: (error: unknown, attempt: number, chunk: LogChunk | null) => void
}

export interface Log {
  /** Resolves only when every message is durable: synced to disk, or on all in-sync replicas. */
  append(topic: string, messages: readonly LogMessage[]): Promise<Appended>
  /**
   * Hands the group its chunks, in order within a partition, and commits each after its handler resolved.
   * A handler that throws gets the same chunk again with capped exponential back-off; nothing is skipped.
   */
  consume(
    topic: string,
    group: string,
    handle: (chunk: LogChunk) => Promise<void>,
    options?: ConsumeOptions,
  ): Promise<Consumption>
  lag(topic: string, group: string): Promise<readonly PartitionLag[]>
  /** Null where the log does not know: a Kafka broker answers for its own disks. */
  size(): Promise<LogSize | null>
  close(): Promise<void>
}

/** Bounds of a consumer that states none: a store likes inserts of thousands of rows, memory does not mind 8 MB. */
export const chunkDefaults = {
  chunkMessagesMax: 10_000,
  chunkCharactersMax: 8_000_000,
  lingerMs: 0,
} as const

export type LogErrorCode = 'closed' | 'full' | 'invalid_message' | 'overloaded' | 'unavailable'

/** A log that cannot do what it was asked; `retryable` says whether asking again later can help. */
export class LogError extends Error {
  readonly code: LogErrorCode
  readonly retryable: boolean

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'LogError'
    this.code = code
    // Closed too: whoever asks again asks the hub that comes after this one.
    this.retryable = code !== 'invalid_message'
  }
}

/** Throws `invalid_message` for what no adapter could keep, before it can spoil a whole commit. */
export function assertMessages(messages: readonly LogMessage[]): void {
  for (const { key, identity, value } of messages) {
    if (typeof key !== 'string' || typeof identity !== 'string' || typeof value !== 'string')
      throw new LogError('invalid_message', 'key, identity and value of a message must be strings')
    if (identity === '') throw new LogError('invalid_message', 'a message has no identity')
    if (key.length + identity.length + value.length > limits.logMessageCharactersMax)
      throw new LogError(
        'invalid_message',
        `message ${identity.slice(0, 80)} has more than ${limits.logMessageCharactersMax} characters`,
      )
  }
}
