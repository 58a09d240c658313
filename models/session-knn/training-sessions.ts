import type { Numbers } from '#shared/session-knn.ts'

/** Sessions in flat arrays, oldest first: session s is clicks `sessionOffsets[s]` to `[s + 1]`. */
export interface TrainingSessions {
  itemsTotal: number
  /** Dense item numbers, 0 to `itemsTotal - 1`, in the order they were seen. */
  items: Int32Array
  sessionOffsets: Int32Array
  sessionEndsAtMs: Float64Array
}

const msPerDay = 24 * 60 * 60 * 1000

export function sessionsTotal(sessions: TrainingSessions): number {
  return sessions.sessionEndsAtMs.length
}

/** How much each session counts: half as much every `halfLifeDays` it is older than the newest. */
export function recencyWeights(sessions: TrainingSessions, halfLifeDays: number): Float64Array {
  const newestMs = sessions.sessionEndsAtMs.at(-1) ?? 0
  return sessions.sessionEndsAtMs.map(
    (endsAtMs) => 0.5 ** ((newestMs - endsAtMs) / msPerDay / halfLifeDays),
  )
}

/** Two bytes a number where they are enough: this is what keeps the model file small. */
export function numbersFor(length: number, valuesTotal: number): Numbers {
  return bytesPerNumber(valuesTotal) === 2 ? new Uint16Array(length) : new Int32Array(length)
}

export function bytesPerNumber(valuesTotal: number): 2 | 4 {
  return valuesTotal <= 0x10000 ? 2 : 4
}

/** In how many sessions each item occurs. */
export function sessionsPerItem(sessions: TrainingSessions): Int32Array {
  const counts = new Int32Array(sessions.itemsTotal)
  const lastSeenIn = new Int32Array(sessions.itemsTotal).fill(-1)
  for (let session = 0; session < sessionsTotal(sessions); session++) {
    const end = sessions.sessionOffsets[session + 1] as number
    for (let click = sessions.sessionOffsets[session] as number; click < end; click++) {
      const item = sessions.items[click] as number
      if (lastSeenIn[item] === session) continue
      lastSeenIn[item] = session
      counts[item] = (counts[item] as number) + 1
    }
  }
  return counts
}
