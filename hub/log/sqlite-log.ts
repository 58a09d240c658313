/** The embedded log: one SQLite file, durable to the disk, for a hub of one process. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Backoff } from './backoff.ts'
import {
  type Appended,
  assertMessages,
  type ConsumeOptions,
  type Consumption,
  chunkDefaults,
  type Log,
  type LogChunk,
  LogError,
  type LogMessage,
  type LogSize,
  type PartitionLag,
} from './log.ts'
import { consumePartition } from './sqlite-consumer.ts'
import { SqliteTables, type Topic } from './sqlite-tables.ts'

export interface SqliteLogOptions {
  /** Directory of the log's files; one process at a time may have it open. */
  readonly directory: string
  /** Partitions of a topic made from now on; a topic keeps the number it was made with. */
  readonly partitionsPerTopic?: number
  /** How long a message, and with it its identity, is kept at least, if the size allows. */
  readonly retentionMs?: number
  /**
   * Bytes of live rows. From three quarters on what all groups have consumed leaves, however young (the store
   * knows identities too); beyond them an append is refused as `full` until consumers have caught up.
   */
  readonly sizeBytesMax?: number
  /** Characters that may wait for a commit; beyond them an append is refused as `overloaded`. */
  readonly waitingCharactersMax?: number
  /** Messages of one transaction: the event loop stands still for about 10 µs a message. */
  readonly commitMessagesMax?: number
  readonly retryBackoff?: Backoff
  readonly trimEveryMs?: number
  readonly nowMs: () => number
}

const defaults = {
  partitionsPerTopic: 4,
  retentionMs: 24 * 3_600_000,
  sizeBytesMax: 20 * 1024 ** 3,
  waitingCharactersMax: 64_000_000,
  commitMessagesMax: 1_000,
  retryBackoff: { firstMs: 100, longestMs: 30_000 },
  trimEveryMs: 10_000,
} as const

/** Messages of a partition that one turn of the event loop may delete, and the rest it gives others after it. */
const trimMessagesMax = 1_000
const trimAgainMs = 20

/** A part of an append that is committed in one transaction. */
interface Waiting {
  readonly topic: string
  readonly messages: readonly LogMessage[]
  readonly characters: number
  readonly resolve: (appended: number) => void
  readonly reject: (error: unknown) => void
}

/** Opens the log in its directory, or makes it; throws `unavailable` while another process has it open. */
export function openSqliteLog(options: SqliteLogOptions): Log {
  mkdirSync(options.directory, { recursive: true })
  return new SqliteLog({ ...defaults, ...options })
}

class SqliteLog implements Log {
  readonly #options: Required<SqliteLogOptions>
  readonly #tables: SqliteTables
  readonly #waiting: Waiting[] = []
  #waitingCharacters = 0
  #flushScheduled = false
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #consumptions = new Map<string, Consumption>()
  #trimmer: NodeJS.Timeout
  #closed = false

  constructor(options: Required<SqliteLogOptions>) {
    this.#options = options
    const path = join(options.directory, 'log.sqlite')
    this.#tables = atSqlite(
      `cannot open ${path}`,
      () => new SqliteTables(path, options.partitionsPerTopic),
    )
    this.#trimmer = setTimeout(() => this.#trim(), options.trimEveryMs).unref()
  }

  async append(topic: string, messages: readonly LogMessage[]): Promise<Appended> {
    this.#assertOpen()
    assertMessages(messages)
    const parts: Promise<number>[] = []
    const { commitMessagesMax } = this.#options
    for (let start = 0; start < messages.length; start += commitMessagesMax)
      parts.push(this.#enqueue(topic, messages.slice(start, start + commitMessagesMax)))
    // allSettled first: the answer must not come while a part can still be written.
    await Promise.allSettled(parts)
    const appended = (await Promise.all(parts)).reduce((sum, part) => sum + part, 0)
    return { appended, duplicates: messages.length - appended }
  }

  async consume(
    topicName: string,
    group: string,
    handle: (chunk: LogChunk) => Promise<void>,
    options: ConsumeOptions = {},
  ): Promise<Consumption> {
    this.#assertOpen()
    const id = JSON.stringify([topicName, group])
    if (this.#consumptions.has(id)) throw new Error(`group ${group} consumes ${topicName} already`)
    const topic = this.#tables.topic(topicName)
    this.#tables.register(topic, group)
    const stopping = new AbortController()
    const loops = topic.nextOffsets.map((_, partition) =>
      consumePartition({
        tables: this.#tables,
        topic,
        partition,
        group,
        handle,
        options: { ...chunkDefaults, ...options },
        backoff: this.#options.retryBackoff,
        signal: stopping.signal,
        appended: () => this.#appended(topicName, stopping.signal),
      }),
    )
    const ended = Promise.all(loops).then(() => undefined)
    const consumption = {
      stop: () => {
        stopping.abort()
        return ended.finally(() => this.#consumptions.delete(id))
      },
    }
    this.#consumptions.set(id, consumption)
    return consumption
  }

  async lag(topicName: string, group: string): Promise<readonly PartitionLag[]> {
    this.#assertOpen()
    const topic = this.#tables.topic(topicName)
    return topic.nextOffsets.map((next, partition) => {
      const committed = this.#tables.position(topic, partition, group)?.committed ?? 0
      const oldest = committed < next ? this.#tables.oldest(topic, partition, committed) : null
      const messages = oldest ? next - oldest.offset : 0
      return { partition, messages, oldestAppendedAtMs: oldest?.appendedAtMs ?? null }
    })
  }

  async size(): Promise<LogSize> {
    this.#assertOpen()
    return { bytes: this.#tables.sizeBytes(), bytesMax: this.#options.sizeBytesMax }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#trimmer)
    while (this.#waiting.length > 0) this.#flush()
    await Promise.all([...this.#consumptions.values()].map((consumption) => consumption.stop()))
    this.#tables.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogError('closed', 'the log is closed')
  }

  #enqueue(topic: string, messages: readonly LogMessage[]): Promise<number> {
    const characters = messages.reduce(
      (sum, m) => sum + m.key.length + m.identity.length + m.value.length,
      0,
    )
    if (this.#waitingCharacters + characters > this.#options.waitingCharactersMax)
      return Promise.reject(new LogError('overloaded', 'too much waits to be written to the log'))
    this.#waitingCharacters += characters
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topic, messages, characters, resolve, reject })
      this.#scheduleFlush()
    })
  }

  // By setImmediate: every request the event loop read in this turn shares one sync of the disk.
  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      if (this.#waiting.length > 0) this.#flush()
      if (this.#waiting.length > 0) this.#scheduleFlush()
    })
  }

  #flush(): void {
    const batch = this.#takeBatch()
    try {
      const appended = this.#commit(batch)
      for (const [index, part] of batch.entries()) part.resolve(appended[index] ?? 0)
    } catch (error) {
      for (const part of batch) part.reject(error)
      return
    }
    for (const name of new Set(batch.map((part) => part.topic)))
      for (const listener of this.#listeners.get(name) ?? []) listener()
  }

  #takeBatch(): Waiting[] {
    let messages = 0
    let count = 0
    for (const part of this.#waiting) {
      if (count > 0 && messages + part.messages.length > this.#options.commitMessagesMax) break
      messages += part.messages.length
      this.#waitingCharacters -= part.characters
      count++
    }
    return this.#waiting.splice(0, count)
  }

  #commit(batch: readonly Waiting[]): number[] {
    if (this.#tables.sizeBytes() > this.#options.sizeBytesMax)
      throw new LogError('full', 'the log has reached its size; its consumers are behind')
    const nowMs = this.#options.nowMs()
    return atSqlite('cannot write to the log', () => {
      const topics = new Map(batch.map((part) => [part.topic, this.#tables.topic(part.topic)]))
      return this.#tables.transaction(() => {
        const appended = batch.map((part) =>
          this.#insert(topics.get(part.topic), part.messages, nowMs),
        )
        for (const topic of topics.values())
          for (const partition of topic.nextOffsets.keys())
            this.#tables.saveNextOffset(topic, partition)
        return appended
      })
    })
  }

  #insert(topic: Topic | undefined, messages: readonly LogMessage[], nowMs: number): number {
    if (!topic) return 0
    let appended = 0
    for (const message of messages) {
      const partition = partitionOf(message.key, topic.nextOffsets.length)
      if (this.#tables.insert(topic, partition, message, nowMs)) appended++
    }
    return appended
  }

  #appended(topic: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const listeners = this.#listeners.get(topic) ?? new Set()
      this.#listeners.set(topic, listeners)
      const done = () => {
        listeners.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      listeners.add(done)
      if (signal.aborted) done()
      else signal.addEventListener('abort', done)
    })
  }

  #trim(): void {
    const pressed = this.#tables.sizeBytes() > 0.75 * this.#options.sizeBytesMax
    const beforeMs = pressed
      ? Number.MAX_SAFE_INTEGER
      : this.#options.nowMs() - this.#options.retentionMs
    const more = this.#trimSlice(beforeMs)
    this.#trimmer = setTimeout(
      () => this.#trim(),
      more ? trimAgainMs : this.#options.trimEveryMs,
    ).unref()
  }

  /** Deletes a bounded number of messages; true when there may be more to delete. */
  #trimSlice(beforeMs: number): boolean {
    try {
      const slices = [...this.#tables.topics()].flatMap((topic) =>
        [...topic.nextOffsets.keys()].map((partition) =>
          this.#tables.trim(topic, partition, beforeMs, trimMessagesMax),
        ),
      )
      return slices.some((deleted) => deleted === trimMessagesMax)
    } catch {
      // A disk that cannot delete now may later; what matters, a refused append, is seen by whoever appends.
      return false
    }
  }
}

/** FNV-1a over UTF-16 code units: spreads keys evenly, and must never change, or visitors change partition. */
function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % partitions
}

function atSqlite<T>(doing: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof LogError) throw error
    throw new LogError(
      'unavailable',
      `${doing}: ${error instanceof Error ? error.message : error}`,
      error,
    )
  }
}
