import {
  neighbourItemsLimit,
  type SessionKnnIndex,
  type SessionKnnSettings,
  sessionItemsLimit,
} from '#shared/session-knn.ts'
import { keepingLast } from './keeping-last.ts'
import { buildPostings } from './postings.ts'
import { recentSessions, recentSessionsBytes } from './recent-sessions.ts'
import { ruleBuilder, ruleSettingsOf } from './rules.ts'
import {
  recencyWeights,
  sessionsPerItem,
  sessionsTotal,
  type TrainingSessions,
} from './training-sessions.ts'

export type { TrainingSessions } from './training-sessions.ts'

/**
 * Builds the index from sessions, oldest first. Same input, same index, byte for byte.
 * Throws a RangeError with a sentence when there is nothing to learn from or a setting is impossible.
 */
export function buildIndex(
  sessions: TrainingSessions,
  settings: SessionKnnSettings,
): SessionKnnIndex {
  return indexBuilder(sessions)(settings)
}

/**
 * Builds indexes of the same sessions under one setting after another, as a search does. What was counted
 * last is kept: most settings change only the small tables beside it. Where `asked` names the only items
 * that will be asked about, only their rules walk on, which is most of the work.
 */
export function indexBuilder(
  sessions: TrainingSessions,
  asked?: ReadonlySet<number>,
): (settings: SessionKnnSettings) => SessionKnnIndex {
  const { itemsTotal } = sessions
  const frequencies = inverseFrequencies(sessions)
  const listsFor = keepingLast((bytesMax: number, sampleSessionsMax: number) => {
    const recent = recentSessions(sessions, bytesMax)
    return { recent, postings: buildPostings(recent, itemsTotal, sampleSessionsMax) }
  })
  const rulesFor = ruleBuilder(sessions, asked)
  const itemWeightsFor = (exponent: number) => itemWeights(frequencies, exponent)
  const windowWeightsFor = keepingLast(itemWeightsFor)
  const candidateWeightsFor = keepingLast(itemWeightsFor)
  const sessionWeightsFor = keepingLast((halfLifeDays: number, kept: number) =>
    newestWeights(sessions, halfLifeDays, kept),
  )
  return (settings) => {
    checkTrainable(sessions, settings)
    const listBytes = settings.modelBytesMax - fixedBytes(itemsTotal)
    const sessionBytes = settings.ruleWeight > 0 ? listBytes * settings.sessionsShare : listBytes
    const { recent, postings } = listsFor(sessionBytes, settings.sampleSessionsMax)
    if (recent.sessionOffsets.length === 1) {
      throw new RangeError(`modelBytesMax ${settings.modelBytesMax} leaves no room for a session`)
    }
    return {
      settings,
      ...recent,
      ...postings,
      ...rulesFor(ruleSettingsOf(settings), listBytes - recentSessionsBytes(recent)),
      sessionWeights: sessionWeightsFor(
        settings.sessionHalfLifeDays,
        recent.sessionOffsets.length - 1,
      ),
      itemWindowWeights: windowWeightsFor(settings.windowIdfExponent),
      itemCandidateWeights: candidateWeightsFor(settings.candidateIdfExponent),
      ...placeWeights(settings),
    }
  }
}

// The nodes, names and settings of the graph; a test holds the whole file to `modelBytesMax`.
const graphBytes = 32 * 1024
/** Two offsets and two weights an item, whatever sessions teach of it. */
export const bytesPerItem = 16
const fixedBytes = (itemsTotal: number) => graphBytes + (itemsTotal + 2) * bytesPerItem
// A weight of 0 would make a match vanish in one scorer and not in the other.
const weightMin = 1e-9

function checkTrainable(sessions: TrainingSessions, settings: SessionKnnSettings): void {
  if (sessionsTotal(sessions) === 0) throw new RangeError('no session to learn from')
  if (settings.sessionItemsMax < 1 || settings.sessionItemsMax > sessionItemsLimit) {
    throw new RangeError(`sessionItemsMax must be 1 to ${sessionItemsLimit}`)
  }
}

/** Of the newest `kept` sessions, the newest first. */
function newestWeights(sessions: TrainingSessions, halfLifeDays: number, kept: number) {
  const newestFirst = recencyWeights(sessions, halfLifeDays).reverse().subarray(0, kept)
  return Float32Array.from(newestFirst, (weight) => Math.max(weight, weightMin))
}

/** Inverse session frequency of each item; the 1 keeps it above 0 for an item of every session. */
function inverseFrequencies(sessions: TrainingSessions): Float64Array {
  const counts = sessionsPerItem(sessions)
  return Float64Array.from(counts, (count) =>
    Math.log(1 + sessionsTotal(sessions) / Math.max(count, 1)),
  )
}

function itemWeights(frequencies: Float64Array, exponent: number): Float32Array {
  // One more than there are items: the padding of the window weighs nothing.
  const weights = new Float32Array(frequencies.length + 1)
  frequencies.forEach((frequency, item) => {
    weights[item] = frequency ** exponent
  })
  return weights
}

/** Every weight that depends on a place only, as a table: no exponential is left for serving. */
function placeWeights(settings: SessionKnnSettings) {
  const decaying = (length: number, places: number) =>
    Float32Array.from({ length }, (_, place) => Math.max(Math.exp(-place / places), weightMin))
  return {
    windowWeights: decaying(settings.sessionItemsMax, settings.windowDecayItems),
    matchWeights: decaying(settings.sessionItemsMax, settings.matchDecayItems),
    distanceWeights: decaying(neighbourItemsLimit, settings.neighbourDecaySteps),
    ruleRowWeights: Float32Array.from(
      { length: settings.ruleWeight > 0 ? settings.ruleItemsMax : 0 },
      (_, place) => (settings.ruleWeight * settings.ruleDiscount ** place) / 0xffff,
    ),
    seenWeights: Float32Array.from({ length: settings.sessionItemsMax }, (_, place) =>
      place === 0 ? settings.currentBoost : settings.seenBoost,
    ),
  }
}
