/** How old the oldest unread message of a partition is: Kafka tells offsets by time, but no time by offset. */

/** The first offset of each partition whose message is as young as the time, or the end of the partition. */
export type OffsetsAt = (timeMs: number) => Promise<ReadonlyMap<number, bigint>>

const firstAgeMs = 1_000
const longestAgeMs = 64 * 24 * 3_600_000
// Halving a bracket of half the age twelve times leaves a 1/8192 of it: half a second in an hour.
const halvings = 12

/** The time of the message at an offset, to a small part of its age; bisected over the offsets by time. */
export async function timeOfOffset(
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
