/** How far a group is behind, in messages and in time: Kafka tells offsets by time, but no time by offset. */

import type { Admin } from 'kafkajs'
import type { PartitionLag } from './log.ts'

/** The first offset of each partition whose message is as young as the time, or the end of the partition. */
type OffsetsAt = (timeMs: number) => Promise<ReadonlyMap<number, bigint>>

const firstAgeMs = 1_000
const longestAgeMs = 64 * 24 * 3_600_000
// Halving a bracket of half the age twelve times leaves a 1/8192 of it: half a second in an hour.
const halvings = 12

/** The lag of each partition of a topic, in their order. */
export async function partitionLags(
  admin: Admin,
  topic: string,
  groupId: string,
  nowMs: number,
): Promise<PartitionLag[]> {
  const [ends, groups] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId, topics: [topic] }),
  ])
  const committed = new Map(groups[0]?.partitions.map((at) => [at.partition, BigInt(at.offset)]))
  const byPartition = ends.toSorted((one, two) => one.partition - two.partition)
  return Promise.all(
    byPartition.map(async ({ partition, low, high }) => {
      const position = committed.get(partition) ?? -1n
      const first = position < BigInt(low) ? BigInt(low) : position
      const messages = Math.max(0, Number(BigInt(high) - first))
      if (messages === 0) return { partition, messages, oldestAppendedAtMs: null }
      const offsetsAt: OffsetsAt = async (timeMs) => {
        const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs)
        return new Map(offsets.map((at) => [at.partition, BigInt(at.offset)]))
      }
      const oldestAppendedAtMs = await timeOfOffset(offsetsAt, partition, first, nowMs)
      return { partition, messages, oldestAppendedAtMs }
    }),
  )
}

/** The time of the message at an offset, to a small part of its age; bisected over the offsets by time. */
async function timeOfOffset(
  offsetsAt: OffsetsAt,
  partition: number,
  offset: bigint,
  nowMs: number,
): Promise<number> {
  const isAtOrBefore = async (timeMs: number) =>
    ((await offsetsAt(timeMs)).get(partition) ?? 0n) <= offset
  let ageMs = firstAgeMs
  while (ageMs < longestAgeMs && !(await isAtOrBefore(nowMs - ageMs))) ageMs *= 2
  let earliest = nowMs - ageMs
  let tooLate = ageMs === firstAgeMs ? nowMs + 1 : nowMs - ageMs / 2
  for (let step = 0; step < halvings && tooLate - earliest > 1; step++) {
    const middle = Math.floor((earliest + tooLate) / 2)
    if (await isAtOrBefore(middle)) earliest = middle
    else tooLate = middle
  }
  return earliest
}
