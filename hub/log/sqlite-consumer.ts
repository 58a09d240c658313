/** One partition of one group of the embedded log: read, hand over, commit, wait for more. */

import { setImmediate } from 'node:timers/promises'
import { type Backoff, pause, retryUntil } from './backoff.ts'
import { type ConsumeOptions, type LogChunk, LogError, type StoredMessage } from './log.ts'
import type { SqliteTables, Topic } from './sqlite-tables.ts'

export interface PartitionConsumer {
  readonly tables: SqliteTables
  readonly topic: Topic
  readonly partition: number
  readonly group: string
  readonly handle: (chunk: LogChunk) => Promise<void>
  readonly options: Required<Omit<ConsumeOptions, 'onRetry'>> & Pick<ConsumeOptions, 'onRetry'>
  readonly backoff: Backoff
  readonly signal: AbortSignal
  /** Resolves when something was appended to the topic after the call, or the signal aborts. */
  readonly appended: () => Promise<void>
}

/**
 * Consumes until the signal aborts.
 *
 * The end of a chunk is written down before it is handed over, so that after a crash the same chunk comes
 * again, with the same first and last offset: whoever names an insert by them never inserts twice.
 */
export async function consumePartition(consumer: PartitionConsumer): Promise<void> {
  const { signal, backoff, options } = consumer
  while (!signal.aborted) {
    let chunk: LogChunk | null = null
    const onRetry = (error: unknown, attempt: number) => options.onRetry?.(error, attempt, chunk)
    const read = async () => {
      chunk = await nextChunk(consumer)
    }
    await retryUntil(signal, backoff, read, onRetry)
    if (!chunk || signal.aborted) continue
    if (await retryUntil(signal, backoff, () => consumer.handle(chunk as LogChunk), onRetry))
      await retryUntil(signal, backoff, async () => commit(consumer, chunk as LogChunk), onRetry)
    // A handler that never leaves the microtask queue must not keep everybody else from the event loop.
    await setImmediate()
  }
}

function commit({ tables, topic, partition, group }: PartitionConsumer, chunk: LogChunk): void {
  tables.commit(topic, partition, group, Number(chunk.lastOffset) + 1)
}

/** The next chunk, its end written down; null when nothing was there and something may be now. */
async function nextChunk(consumer: PartitionConsumer): Promise<LogChunk | null> {
  const { tables, topic, partition, group, signal, options } = consumer
  const position = tables.position(topic, partition, group)
  const first = position?.committed ?? 0
  if (first >= (topic.nextOffsets[partition] ?? 0)) {
    await consumer.appended()
    return null
  }
  const planned = position?.plannedLast
  if (planned != null)
    return toChunk(consumer, [
      ...tables.read(topic, partition, first, planned, planned - first + 1),
    ])
  let bounded = readBounded(consumer, first)
  if (options.lingerMs > 0 && !bounded.full) {
    await pause(options.lingerMs, signal)
    bounded = readBounded(consumer, first)
  }
  const chunk = toChunk(consumer, bounded.taken)
  tables.plan(topic, partition, group, Number(chunk.lastOffset))
  return chunk
}

/** As many messages as the bounds of a chunk allow, and whether a bound was met. */
function readBounded(
  consumer: PartitionConsumer,
  first: number,
): { taken: StoredMessage[]; full: boolean } {
  const { chunkMessagesMax, chunkCharactersMax } = consumer.options
  const taken: StoredMessage[] = []
  let characters = 0
  const last = Number.MAX_SAFE_INTEGER
  for (const message of consumer.tables.read(
    consumer.topic,
    consumer.partition,
    first,
    last,
    chunkMessagesMax,
  )) {
    characters += message.key.length + message.identity.length + message.value.length
    if (taken.length > 0 && characters > chunkCharactersMax) return { taken, full: true }
    taken.push(message)
  }
  return { taken, full: taken.length >= chunkMessagesMax }
}

function toChunk({ topic, partition }: PartitionConsumer, messages: StoredMessage[]): LogChunk {
  const first = messages[0]
  const last = messages.at(-1)
  if (!first || !last)
    throw new LogError('unavailable', `messages of ${topic.name} are missing from the log`)
  return {
    topic: topic.name,
    partition,
    firstOffset: first.offset,
    lastOffset: last.offset,
    messages,
  }
}
