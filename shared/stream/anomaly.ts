const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** models/anomaly/README.md has the maths behind each. */
export interface StreamSettings {
  /** What one more visit of an hour weighs at least in what is expected of it. */
  readonly visitWeight: number
  /** As many visits of an hour weigh as much as the level does. */
  readonly levelVisits: number
  readonly levelMs: number
  readonly deviationMs: number
  /** The second reading is the residual smoothed over this. */
  readonly smoothMs: number
  readonly recordHalfLifeMs: number
  /** No observation teaches more than so many deviations: an anomaly must not become what is expected. */
  readonly deviationsLearned: number
  /** What was told is not told again for so long, but where it has grown by the factor. */
  readonly toldMs: number
  readonly toldFactor: number
}

/** One set for every stream. */
export const defaultStreamSettings: StreamSettings = {
  ...{ visitWeight: 0.1, levelVisits: 1, levelMs: dayMs, deviationMs: 14 * dayMs },
  ...{ smoothMs: 6 * hourMs, recordHalfLifeMs: 60 * dayMs, deviationsLearned: 4 },
  ...{ toldMs: 2 * dayMs, toldFactor: 2 },
}

/** Hours of a working day, then those of a day of the weekend (UTC). */
export const streamSlots = 48
/** Records are kept from here on, and scores given from there on: the first residuals say nothing. */
const recordsFromMs = dayMs / 2
const scoresFromMs = dayMs
const deviationsMax = 100
/** As many observations a forecast reads. */
export const recentMax = 24
/** What was not foretold has to break its record by a quarter: a third reading breaks records by chance too. */
const forecastWeight = 0.8
/** A record of next to nothing would make a score without end. */
const recordMin = 1e-6
/** Until then an observation teaches all it has: the deviation is not known yet. */
const youngObservations = 50

/** What is remembered of one stream: JSON, of one size however long it runs. */
export interface StreamState {
  readonly firstAt: number
  readonly lastAt: number
  readonly observations: number
  readonly level: number
  readonly deviation: number
  /** Of each slot what is expected, and how often it was visited. */
  readonly expected: readonly number[]
  readonly visits: readonly number[]
  readonly smoothed: number
  /** The largest of each reading so far, fading. */
  readonly records: readonly [number, number]
  readonly toldAt: number | null
  readonly told: number
  /** What a forecast reads, and the record of what it did not foretell; absent where no model has ever foretold. */
  readonly foretold?: Foretold
}

export interface Foretold {
  /** How unusual the last observations were, oldest first, at most `recentMax`. */
  readonly recent: readonly number[]
  readonly record: number
}

export interface Observed {
  readonly state: StreamState | null
  /** How far this breaks the record of what was unusual so far: above 1 is news, 0 is none. */
  readonly score: number
}

/** One observation as a stream sees it before it learns from it. */
export interface Sight {
  readonly state: StreamState
  readonly at: number
  readonly gapMs: number
  readonly slot: number
  readonly usual: number
  readonly residual: number
  /** The residual in deviations. */
  readonly unusual: number
  readonly smoothed: number
}

/** What a score is made from; a decision keeps it, so that it can be made again by the model that foretold. */
export interface Judged {
  /** The residual in deviations, and the record of those that were not foretold. */
  readonly unusual: number
  readonly record: number
  /** How far the statistics alone break a record. */
  readonly byStatistics: number
  /** Above it is news. */
  readonly newsAbove: number
}

/** How far an observation breaks a record, where something was foretold of it and where not (null). */
export function scoreOf(
  { unusual, record, byStatistics, newsAbove }: Judged,
  foretold: number | null,
): number {
  const byForecast =
    foretold === null || record === 0
      ? 0
      : (forecastWeight * Math.abs(unusual - foretold)) / Math.max(record, recordMin)
  const broken = Math.max(byStatistics, byForecast)
  return broken > newsAbove ? broken : 0
}

/**
 * Takes one observation (at epoch ms) into a stream. Robust statistics of the residual from what is usual at this
 * hour, a reading as it comes and one smoothed; the score compares them with the largest there have been.
 * What is no finite number is left out. Same observations, same scores.
 */
export function observe(
  before: StreamState | null,
  sent: number,
  at: number,
  settings: StreamSettings = defaultStreamSettings,
): Observed {
  const sight = see(before, sent, at, settings)
  return sight === null ? { state: before, score: 0 } : learnFrom(sight, null, settings)
}

/** Looks at one observation (at epoch ms); null of what is no finite number. */
export function see(
  before: StreamState | null,
  sent: number,
  at: number,
  settings: StreamSettings = defaultStreamSettings,
): Sight | null {
  if (!Number.isFinite(sent) || !Number.isFinite(at)) return null
  const value = Math.max(-valueMax, Math.min(valueMax, sent))
  const state = before ?? begin(value, at)
  const gapMs = before === null ? 0 : Math.max(1, Math.min(dayMs, at - state.lastAt))
  const slot = slotOf(at)
  const usual = usualAt(state, slot, settings)
  const residual = value - usual
  const unusual = Math.max(
    -deviationsMax,
    Math.min(deviationsMax, residual / Math.max(state.deviation, deviationMin)),
  )
  const smoothed =
    state.smoothed + (1 - Math.exp(-gapMs / settings.smoothMs)) * (unusual - state.smoothed)
  return { state, at, gapMs, slot, usual, residual, unusual, smoothed }
}

/** Judges what was seen and learns from it; `forecast` where a model is asked of the stream, null where none is. */
export function learnFrom(
  sight: Sight,
  forecast: { readonly foretold: number | null } | null,
  settings: StreamSettings = defaultStreamSettings,
): Observed & { readonly judged: Judged } {
  const { state, at, smoothed } = sight
  const { judged, records, record } = judge(sight, settings)
  const score = scoreOf(judged, forecast?.foretold ?? null)
  // Where no model is asked any more, what the next one reads must not be of long ago.
  const { foretold: _, ...before } = state
  return {
    state: {
      ...before,
      ...learn(sight, settings),
      ...{ records, smoothed },
      ...(score > 0 ? { toldAt: at, told: score } : {}),
      ...(forecast && { foretold: foretoldAfter(sight, forecast.foretold, record) }),
      // An observation that comes late moves no clock back.
      lastAt: Math.max(state.lastAt, at),
    },
    ...{ score, judged },
  }
}

function foretoldAfter(
  { state, at, unusual }: Sight,
  foretold: number | null,
  faded: number,
): Foretold {
  const isKept = foretold !== null && at - state.firstAt > recordsFromMs
  return {
    recent: [...(state.foretold?.recent ?? []), unusual].slice(-recentMax),
    record: isKept ? Math.max(faded, Math.abs(unusual - foretold)) : faded,
  }
}

/** No reading is larger, and no sum of these leaves what a number can hold. */
const valueMax = 1e100

/** A stream that never moves has no deviation. */
const deviationMin = 1e-9

function begin(value: number, at: number): StreamState {
  return {
    ...{ firstAt: at, lastAt: at, observations: 0, level: value, deviation: 0, smoothed: 0 },
    ...{
      expected: new Array<number>(streamSlots).fill(0),
      visits: new Array<number>(streamSlots).fill(0),
    },
    ...{ records: [0, 0], toldAt: null, told: 0 },
  }
}

function slotOf(at: number): number {
  const date = new Date(at)
  const isWeekend = date.getUTCDay() % 6 === 0
  return date.getUTCHours() + (isWeekend ? streamSlots / 2 : 0)
}

/** What is usual at an hour: its own mean, as long as that is young leaning on the other kind of day and the level. */
function usualAt(
  { level, expected, visits }: StreamState,
  slot: number,
  { levelVisits }: StreamSettings,
): number {
  const other = (slot + streamSlots / 2) % streamSlots
  const lean = (of: number, on: number) => {
    const times = visits[of] as number
    const weight = times / (times + levelVisits)
    return (expected[of] as number) * weight + on * (1 - weight)
  }
  return lean(slot, lean(other, level))
}

/** Compares the readings with their records, which fade. */
function judge({ state, at, gapMs, unusual, smoothed }: Sight, settings: StreamSettings) {
  const readings = [Math.abs(unusual), Math.abs(smoothed)]
  const ageMs = at - state.firstAt
  const fading = 0.5 ** (gapMs / settings.recordHalfLifeMs)
  const faded = state.records.map((record) => record * fading) as [number, number]
  const ratios = readings.map((reading, place) =>
    (faded[place] as number) > 0 ? reading / Math.max(faded[place] as number, recordMin) : 0,
  )
  const isOld = ageMs > scoresFromMs
  const isFresh = state.toldAt === null || at - state.toldAt > settings.toldMs
  const keepsRecords = ageMs > recordsFromMs
  const records = faded.map((record, place) =>
    keepsRecords ? Math.max(record, readings[place] as number) : record,
  ) as [number, number]
  const record = (state.foretold?.record ?? 0) * fading
  const judged: Judged = {
    ...{ unusual, record: isOld ? record : 0 },
    byStatistics: isOld ? Math.max(...ratios) : 0,
    newsAbove: isFresh ? 1 : Math.max(1, state.told * settings.toldFactor),
  }
  return { judged, records, record }
}

/** Moves what is expected towards the observation, but never by more than it may teach. */
function learn({ state, usual, residual, slot, gapMs }: Sight, settings: StreamSettings) {
  const { observations, level, deviation } = state
  const isYoung = observations <= youngObservations || deviation === 0
  const teachable = isYoung ? Number.POSITIVE_INFINITY : settings.deviationsLearned * deviation
  const size = Math.min(Math.abs(residual), teachable)
  const learned = usual + Math.sign(residual) * size
  // A mean of all at first, and one of the last `overMs` later.
  const weight = (overMs: number) => Math.max(1 - Math.exp(-gapMs / overMs), 1 / (observations + 1))
  const slotMs = dayMs / (streamSlots / 2)
  const perVisit = Math.max(1, slotMs / Math.max(gapMs, 1))
  const visited = state.visits[slot] as number
  const slotWeight = Math.max(settings.visitWeight / perVisit, 1 / (visited * perVisit + 1))
  const expected = state.expected[slot] as number
  return {
    observations: observations + 1,
    level: level + weight(settings.levelMs) * (learned - level),
    deviation: deviation + weight(settings.deviationMs) * (size - deviation),
    expected: state.expected.with(slot, expected + slotWeight * (learned - expected)),
    visits: state.visits.with(slot, visited + 1 / perVisit),
  }
}
