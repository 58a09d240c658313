import { highestEntries } from '#shared/highest-entries.ts'

/** The part of the training sessions popularity looks at; the session-knn family's type fits. */
export interface PopularitySessions {
  itemsTotal: number
  items: Int32Array
  sessionOffsets: Int32Array
  sessionEndsAtMs: Float64Array
}

export interface PopularitySettings {
  /** The moment the list is made for; sessions that end later count as if they ended now. */
  nowMs: number
  halfLifeDays: number
  itemsMax: number
}

/** Items, most popular first, ties by item number; scores are at most 1 and above 0. */
export interface Popularity {
  items: Int32Array
  scores: Float32Array
}

const msPerDay = 24 * 60 * 60 * 1000

/**
 * Ranks items by the sessions they occur in, a session counting half as much every `halfLifeDays`.
 * Sessions are counted and not clicks: one visitor, or one bot, reloading a page moves nothing.
 */
export function buildPopularity(
  sessions: PopularitySessions,
  { nowMs, halfLifeDays, itemsMax }: PopularitySettings,
): Popularity {
  const sums = new Float64Array(sessions.itemsTotal)
  const lastSeenIn = new Int32Array(sessions.itemsTotal).fill(-1)
  sessions.sessionEndsAtMs.forEach((endsAtMs, session) => {
    const ageDays = Math.max(0, nowMs - endsAtMs) / msPerDay
    const weight = 0.5 ** (ageDays / halfLifeDays)
    const end = sessions.sessionOffsets[session + 1] as number
    for (let click = sessions.sessionOffsets[session] as number; click < end; click++) {
      const item = sessions.items[click] as number
      if (lastSeenIn[item] === session) continue
      lastSeenIn[item] = session
      sums[item] = (sums[item] as number) + weight
    }
  })
  return strongest(sums, itemsMax)
}

function strongest(sums: Float64Array, itemsMax: number): Popularity {
  const items = new Int32Array(highestEntries(sums, [...sums.keys()], itemsMax))
  const highest = sums[items[0] ?? 0] as number
  return { items, scores: Float32Array.from(items, (item) => (sums[item] as number) / highest) }
}
