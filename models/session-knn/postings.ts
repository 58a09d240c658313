import type { Numbers } from '#shared/session-knn.ts'
import type { RecentSessions } from './recent-sessions.ts'
import { numbersFor } from './training-sessions.ts'

/** For each item the most recent sessions it occurs in, newest first, and its last place there. */
export interface Postings {
  postingOffsets: Int32Array
  postingSessions: Numbers
  postingPositions: Uint8Array
}

export function buildPostings(
  recent: RecentSessions,
  itemsTotal: number,
  sampleSessionsMax: number,
): Postings {
  const counts = new Int32Array(itemsTotal)
  eachPosting(recent, itemsTotal, (item) => {
    counts[item] = Math.min((counts[item] as number) + 1, sampleSessionsMax)
  })
  const postingOffsets = offsetsOf(counts)
  const postings = postingOffsets.at(-1) as number
  const postingSessions = numbersFor(postings, recent.sessionOffsets.length - 1)
  const postingPositions = new Uint8Array(postings)
  const next = postingOffsets.slice()
  eachPosting(recent, itemsTotal, (item, session, position) => {
    const slot = next[item] as number
    if (slot === postingOffsets[item + 1]) return
    postingSessions[slot] = session
    postingPositions[slot] = position
    next[item] = slot + 1
  })
  return { postingOffsets, postingSessions, postingPositions }
}

/** Running sums of the counts, with one empty row more for the padding of the model's input. */
export function offsetsOf(counts: Int32Array): Int32Array {
  const offsets = new Int32Array(counts.length + 2)
  counts.forEach((count, row) => {
    offsets[row + 1] = (offsets[row] as number) + count
  })
  offsets[counts.length + 1] = offsets[counts.length] as number
  return offsets
}

function eachPosting(
  { sessionOffsets, sessionItems }: RecentSessions,
  itemsTotal: number,
  visit: (item: number, session: number, position: number) => void,
): void {
  const lastSeenIn = new Int32Array(itemsTotal).fill(-1)
  for (let session = 0; session < sessionOffsets.length - 1; session++) {
    const start = sessionOffsets[session] as number
    for (let click = (sessionOffsets[session + 1] as number) - 1; click >= start; click--) {
      const item = sessionItems[click] as number
      if (lastSeenIn[item] === session) continue
      lastSeenIn[item] = session
      visit(item, session, click - start)
    }
  }
}
