/**
 * The scoring rule of the Numenta Anomaly Benchmark, standard profile: Lavin and Ahmad, Evaluating real-time anomaly
 * detection algorithms, ICMLA 2015, with what its program (numenta/NAB, nab/sweeper.py) adds: the last record of a
 * window counts as one before its end, and a threshold is chosen once for the whole corpus.
 */

/** A series with its labelled windows, and what a detector said of each record. */
export interface DetectedSeries {
  readonly name: string
  /** Epoch ms of each record, ascending. */
  readonly times: readonly number[]
  /** First and last moment of each window, in order. */
  readonly windows: readonly (readonly [number, number])[]
  /** A score of each record; higher is more unusual. */
  readonly scores: readonly number[]
}

/** What came of one window: its share of the score, and when its first alarm was. */
export interface WindowResult {
  readonly series: string
  readonly startsAt: number
  readonly endsAt: number
  /** From the start of the window; null where it was missed. */
  readonly delayMs: number | null
}

export interface NabResult {
  /** 0 is a detector that never alarms, 100 a perfect one. */
  readonly score: number
  /** Records with this score or above are alarms; infinite where none is best. */
  readonly threshold: number
  readonly falseAlarms: number
  readonly windows: readonly WindowResult[]
}

/** A false alarm costs this, a window found or missed 1. */
const falseAlarmCost = 0.11
const probationShare = 0.15
/** The share is taken of at most so many records. */
const probationRecordsMax = 5_000

/** Scores a detector over a corpus, at the threshold that is best for all of its series together unless one is given. */
export function scoreNab(corpus: readonly DetectedSeries[], given?: number): NabResult {
  const records = corpus.flatMap((series, number) => weigh(series, number))
  const total = corpus.reduce((sum, { windows }) => sum + windows.length, 0)
  const { threshold, raw } = bestThreshold(records, total, given)
  const alarms = records.filter(({ score }) => score >= threshold)
  return {
    // A detector without an alarm misses every window: -1 each; a perfect one has +1 each.
    score: (100 * (raw + total)) / (2 * total),
    threshold,
    falseAlarms: alarms.filter(({ window }) => window === null).length,
    windows: corpus.flatMap((series, number) =>
      series.windows.map(([startsAt, endsAt], window) => {
        const found = alarms.find((each) => each.series === number && each.window === window)
        const delayMs = found === undefined ? null : found.at - startsAt
        return { series: series.name, startsAt, endsAt, delayMs }
      }),
    ),
  }
}

interface WeighedRecord {
  readonly series: number
  readonly at: number
  readonly score: number
  /** Which of the windows of its series it lies in; null outside. */
  readonly window: number | null
  /** What an alarm here is worth: up to 1 inside a window, below 0 outside. */
  readonly worth: number
}

/** Every record past the probation with what an alarm would be worth. */
function weigh({ times, windows, scores }: DetectedSeries, series: number): WeighedRecord[] {
  const places = windows.map(([start, end]) => [
    times.findIndex((at) => at >= start),
    times.findLastIndex((at) => at <= end),
  ]) as [number, number][]
  const probation = Math.floor(probationShare * Math.min(times.length, probationRecordsMax))
  return times.flatMap((at, place) => {
    if (place < probation) return []
    const inside = places.findIndex(([first, last]) => place >= first && place <= last)
    const window = inside === -1 ? null : inside
    return [
      {
        ...{ series, at, window },
        score: scores[place] ?? 0,
        worth: worthAt(place, places, window),
      },
    ]
  })
}

function worthAt(
  place: number,
  places: readonly (readonly [number, number])[],
  window: number | null,
): number {
  if (window !== null) {
    const [first, last] = places[window] as [number, number]
    // -1 at the start of a window, nearly 0 at its end.
    return sigmoid(-(last - place + 1) / (last - first + 1)) / sigmoid(-1)
  }
  const before = places.findLast(([, last]) => last < place)
  if (before === undefined) return -falseAlarmCost
  const [first, last] = before
  return falseAlarmCost * sigmoid((place - last) / (last - first))
}

/** 1 to -1 by the position relative to a window, 0 at its end. */
function sigmoid(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1
}

/** From the highest score down: of a window its best alarm counts, and every false alarm. */
function bestThreshold(
  records: readonly WeighedRecord[],
  windowsTotal: number,
  given: number | undefined,
) {
  const descending = records.toSorted((one, other) => other.score - one.score)
  const found = new Map<string, number>()
  let raw = -windowsTotal
  let best = { threshold: Number.POSITIVE_INFINITY, raw }
  for (const [place, { series, window, worth, score }] of descending.entries()) {
    if (window === null) raw += worth
    else {
      const key = `${series} ${window}`
      const before = found.get(key) ?? -1
      raw += Math.max(0, worth - before)
      found.set(key, Math.max(worth, before))
    }
    const next = descending[place + 1]?.score
    if (next === score) continue
    // All that is at the given threshold or above, and nothing below it.
    if (given !== undefined) {
      if (score < given) break
      best = { threshold: given, raw }
    } else if (raw > best.raw) best = { threshold: score, raw }
  }
  return best
}
