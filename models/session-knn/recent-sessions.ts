import { type Numbers, neighbourItemsLimit } from '#shared/session-knn.ts'
import {
  bytesPerNumber,
  numbersFor,
  sessionsTotal,
  type TrainingSessions,
} from './training-sessions.ts'

/** The sessions that become neighbours: newest first, each cut to its last clicks. */
export interface RecentSessions {
  sessionOffsets: Int32Array
  sessionItems: Numbers
}

/** Keeps the most recent sessions whose part of the index fits into `bytesMax`. */
export function recentSessions(sessions: TrainingSessions, bytesMax: number): RecentSessions {
  const lengths = lengthsThatFit(sessions, bytesMax)
  const sessionOffsets = new Int32Array(lengths.length + 1)
  lengths.forEach((length, at) => {
    sessionOffsets[at + 1] = (sessionOffsets[at] as number) + length
  })
  const sessionItems = numbersFor(sessionOffsets.at(-1) ?? 0, sessions.itemsTotal)
  lengths.forEach((length, at) => {
    const end = sessions.sessionOffsets[sessionsTotal(sessions) - at] as number
    sessionItems.set(sessions.items.subarray(end - length, end), sessionOffsets[at])
  })
  return { sessionOffsets, sessionItems }
}

/** What the kept sessions and their postings take in the file, when no posting is cut. */
export function recentSessionsBytes({ sessionOffsets, sessionItems }: RecentSessions): number {
  const kept = sessionOffsets.length - 1
  const clickBytes = sessionItems.BYTES_PER_ELEMENT + bytesPerNumber(kept) + 1
  return kept * bytesPerSession + sessionItems.length * clickBytes
}

// An offset and a weight.
const bytesPerSession = 4 + 4

function lengthsThatFit(sessions: TrainingSessions, bytesMax: number): number[] {
  const total = sessionsTotal(sessions)
  // The item in the session, the session in the item's posting, and the position there.
  const bytesPerClick = bytesPerNumber(sessions.itemsTotal) + bytesPerNumber(total) + 1
  const lengths: number[] = []
  let bytes = 0
  for (let session = total - 1; session >= 0; session--) {
    const clicks =
      (sessions.sessionOffsets[session + 1] as number) -
      (sessions.sessionOffsets[session] as number)
    const length = Math.min(clicks, neighbourItemsLimit)
    bytes += bytesPerSession + length * bytesPerClick
    if (bytes > bytesMax) break
    lengths.push(length)
  }
  return lengths
}
