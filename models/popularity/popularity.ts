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
  sessions.sessionEndsAtMs.forEach((endsAtMs, session) => {
    const ageDays = Math.max(0, nowMs - endsAtMs) / msPerDay
    const weight = 0.5 ** (ageDays / halfLifeDays)
    for (const item of itemsOf(sessions, session)) sums[item] = (sums[item] as number) + weight
  })
  return strongest(sums, itemsMax)
}

function itemsOf(sessions: PopularitySessions, session: number): Set<number> {
  const start = sessions.sessionOffsets[session] as number
  return new Set(sessions.items.subarray(start, sessions.sessionOffsets[session + 1] as number))
}

function strongest(sums: Float64Array, itemsMax: number): Popularity {
  const sumOf = (item: number) => sums[item] as number
  const items = Int32Array.from(sums.keys())
    .filter((item) => sumOf(item) > 0)
    .sort((a, b) => sumOf(b) - sumOf(a) || a - b)
    .slice(0, itemsMax)
  const highest = sumOf(items[0] ?? 0)
  return { items, scores: Float32Array.from(items, (item) => sumOf(item) / highest) }
}
