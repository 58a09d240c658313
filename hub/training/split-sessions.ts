import type { TrainingSessions } from '#models/session-knn/train.ts'

/** All sessions but the newest `count`: what a model may learn from that is asked about those. */
export function splitOff(sessions: TrainingSessions, count: number): TrainingSessions {
  return sessionsFrom(sessions, 0, sessions.sessionEndsAtMs.length - count)
}

/** The newest sessions that have at most `clicksMax` clicks together, one session at least. */
export function newestClicks(sessions: TrainingSessions, clicksMax: number): TrainingSessions {
  const { sessionOffsets } = sessions
  const total = sessions.sessionEndsAtMs.length
  const from = sessions.items.length - clicksMax
  const first = sessionOffsets.findIndex((offset) => offset >= from)
  return first <= 0 ? sessions : sessionsFrom(sessions, Math.min(first, total - 1), total)
}

/** The newest `count` sessions, oldest of them first. */
export function newest({ items, sessionOffsets }: TrainingSessions, count: number): Int32Array[] {
  const total = sessionOffsets.length - 1
  const first = Math.max(0, total - count)
  return Array.from({ length: total - first }, (_, at) =>
    items.slice(sessionOffsets[first + at], sessionOffsets[first + at + 1]),
  )
}

function sessionsFrom(
  { itemsTotal, items, sessionOffsets, sessionEndsAtMs }: TrainingSessions,
  first: number,
  end: number,
): TrainingSessions {
  const start = sessionOffsets[first] as number
  return {
    itemsTotal,
    items: items.slice(start, sessionOffsets[end]),
    sessionOffsets: sessionOffsets.slice(first, end + 1).map((offset) => offset - start),
    sessionEndsAtMs: sessionEndsAtMs.slice(first, end),
  }
}
