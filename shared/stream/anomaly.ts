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
}

export interface Observed {
  readonly state: StreamState | null
  /** How far this breaks the record of what was unusual so far: above 1 is news, 0 is none. */
  readonly score: number
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
  if (!Number.isFinite(sent) || !Number.isFinite(at)) return { state: before, score: 0 }
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
  const judged = judge(state, [Math.abs(unusual), Math.abs(smoothed)], at, gapMs, settings)
  return {
    state: {
      ...{
        ...state,
        ...judged.state,
        ...learn(state, { usual, residual, slot, gapMs }, settings),
        smoothed,
      },
      // An observation that comes late moves no clock back.
      lastAt: Math.max(state.lastAt, at),
    },
    score: judged.score,
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

/** Compares the readings with their records, and tells what is news. */
function judge(
  state: StreamState,
  readings: readonly [number, number],
  at: number,
  gapMs: number,
  settings: StreamSettings,
) {
  const ageMs = at - state.firstAt
  const fading = 0.5 ** (gapMs / settings.recordHalfLifeMs)
  const faded = state.records.map((record) => record * fading) as [number, number]
  const ratios = readings.map((reading, place) =>
    (faded[place] as number) > 0 ? reading / Math.max(faded[place] as number, recordMin) : 0,
  )
  const broken = ageMs > scoresFromMs ? Math.max(...ratios) : 0
  const isFresh = state.toldAt === null || at - state.toldAt > settings.toldMs
  const isNews = broken > 1 && (isFresh || broken > state.told * settings.toldFactor)
  const keepsRecords = ageMs > recordsFromMs
  const records = faded.map((record, place) =>
    keepsRecords ? Math.max(record, readings[place] as number) : record,
  ) as [number, number]
  return {
    score: isNews ? broken : 0,
    state: { records, ...(isNews ? { toldAt: at, told: broken } : {}) },
  }
}

/** Moves what is expected towards the observation, but never by more than it may teach. */
function learn(
  state: StreamState,
  observed: {
    readonly usual: number
    readonly residual: number
    readonly slot: number
    readonly gapMs: number
  },
  settings: StreamSettings,
) {
  const { usual, residual, slot, gapMs } = observed
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
