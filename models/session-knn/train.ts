import {
  neighbourItemsLimit,
  type SessionKnnIndex,
  type SessionKnnSettings,
  sessionItemsLimit,
} from '#shared/session-knn.ts'
import { buildPostings } from './postings.ts'
import { type RecentSessions, recentSessions, recentSessionsBytes } from './recent-sessions.ts'
import { buildRules } from './rules.ts'
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
  checkTrainable(sessions, settings)
  const listBytes = settings.modelBytesMax - fixedBytes(sessions.itemsTotal)
  const rulesWanted = settings.ruleWeight > 0
  const recent = recentSessions(
    sessions,
    rulesWanted ? listBytes * settings.sessionsShare : listBytes,
  )
  if (recent.sessionOffsets.length === 1) {
    throw new RangeError(`modelBytesMax ${settings.modelBytesMax} leaves no room for a session`)
  }
  const ruleBytes = listBytes - recentSessionsBytes(recent)
  return {
    settings,
    ...recent,
    ...buildPostings(recent, sessions.itemsTotal, settings.sampleSessionsMax),
    ...buildRules(sessions, settings, ruleBytes),
    sessionWeights: weightsOfRecent(sessions, recent, settings),
    ...itemWeights(sessions, settings),
    ...placeWeights(settings),
  }
}

// The nodes, names and settings of the graph; a test holds the whole file to `modelBytesMax`.
const graphBytes = 32 * 1024
// Two offsets and two weights an item.
const fixedBytes = (itemsTotal: number) => graphBytes + (itemsTotal + 2) * 16
// A weight of 0 would make a match vanish in one scorer and not in the other.
const weightMin = 1e-9

function checkTrainable(sessions: TrainingSessions, settings: SessionKnnSettings): void {
  if (sessionsTotal(sessions) === 0) throw new RangeError('no session to learn from')
  if (settings.sessionItemsMax < 1 || settings.sessionItemsMax > sessionItemsLimit) {
    throw new RangeError(`sessionItemsMax must be 1 to ${sessionItemsLimit}`)
  }
}

function weightsOfRecent(
  sessions: TrainingSessions,
  recent: RecentSessions,
  settings: SessionKnnSettings,
): Float32Array {
  const newestFirst = recencyWeights(sessions, settings.sessionHalfLifeDays).reverse()
  return Float32Array.from(newestFirst.subarray(0, recent.sessionOffsets.length - 1), (weight) =>
    Math.max(weight, weightMin),
  )
}

/** Inverse session frequency; the 1 keeps it above 0 for an item of every session. */
function itemWeights(sessions: TrainingSessions, settings: SessionKnnSettings) {
  const counts = sessionsPerItem(sessions)
  const weights = (exponent: number) =>
    Float32Array.from({ length: sessions.itemsTotal + 1 }, (_, item) => {
      if (item === sessions.itemsTotal) return 0
      const sessionsWithItem = Math.max(counts[item] as number, 1)
      return Math.log(1 + sessionsTotal(sessions) / sessionsWithItem) ** exponent
    })
  return {
    itemWindowWeights: weights(settings.windowIdfExponent),
    itemCandidateWeights: weights(settings.candidateIdfExponent),
  }
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
