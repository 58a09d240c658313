import { randomUUID } from 'node:crypto'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import type { LogChunk } from '#hub/log/log.ts'
import { recordsTopic } from '#hub/log/topics.ts'
import { readChunk } from '#hub/read-records.ts'
import { until } from './until.ts'

const readTimeMaxMs = 60_000

/**
 * How many copies of each event lie in a log on Kafka, by message id: a POP whose hub took a batch and did not answer
 * sends it to another hub, and the log, which cannot know, has both.
 */
export async function copiesInLog(brokers: readonly string[]): Promise<Map<string, number>> {
  // A group of its own each time: it reads from the beginning.
  const group = `audit-${randomUUID()}`
  const log = openKafkaLog({ brokers, clientId: 'audit', nowMs: Date.now })
  // By place, because a chunk may be handed over more than once.
  const idsByPlace = new Map<string, readonly string[]>()
  const read = async (chunk: LogChunk) => {
    for (const message of chunk.messages) {
      const { events } = readChunk({ ...chunk, messages: [message] }).rows
      const ids = events.map(({ row }) => String(row.message_id))
      idsByPlace.set(`${chunk.partition}:${message.offset}`, ids)
    }
  }
  try {
    await log.consume(recordsTopic, group, read)
    const isRead = async () =>
      (await log.lag(recordsTopic, group)).every(({ messages }) => messages === 0)
    await until(isRead, readTimeMaxMs, 'the log could not be read to its end')
  } finally {
    await log.close()
  }
  const copies = new Map<string, number>()
  for (const id of [...idsByPlace.values()].flat()) copies.set(id, (copies.get(id) ?? 0) + 1)
  return copies
}
