import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { buildPopularity } from '#models/popularity/popularity.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { indexBuilder, type TrainingSessions } from '#models/session-knn/train.ts'
import { type SessionKnnSettings, sessionScorer } from '#shared/session-knn.ts'
import { hitRate, type Prediction, reciprocalRank } from '../evaluation/metrics.ts'
import { predict, type Question, questionsOf } from '../evaluation/predict.ts'
import { currentBoosts, search, searchSpace } from './search.ts'
import { newest, newestClicks, splitOff } from './split-sessions.ts'

/** What one search may take: it is part of every training. */
export const tuningBounds = {
  /** The newest sessions ask; the search trains on what came before. */
  sessionsShare: 0.05,
  sessionsMax: 1_000,
  questionsMax: 1_000,
  /** Below it a difference between two settings says nothing, and the defaults stay. */
  questionsMin: 200,
  /** Clicks the search counts; a large shop's newest ones tell as much. */
  clicksMax: 500_000,
  trialsMax: 80,
} as const

const listLength = 20
const popularitySettings = { halfLifeDays: 7, itemsMax: listLength + 1 } as const

export interface Tuning {
  readonly settings: SessionKnnSettings
  readonly trials: number
  readonly questions: number
  /** Of the settings it starts from, and of those it chose, on the same questions. */
  readonly before: Figures
  readonly after: Figures
}

interface Figures {
  readonly hitRate20: number
  readonly mrr20: number
}

export interface TuningOptions {
  readonly modelBytesMax: number
  /** Whether the newest item of a session may be answered; see `recommend`. */
  readonly includesCurrent: boolean
  readonly seed: number
  readonly report: (sentence: string) => void
}

/** Searches the settings of a shop on the newest of its own sessions. Same sessions and seed, same settings. */
export function tune(sessions: TrainingSessions, options: TuningOptions): Tuning {
  const { modelBytesMax, includesCurrent, seed, report } = options
  const held = Math.min(
    tuningBounds.sessionsMax,
    Math.floor(sessions.sessionEndsAtMs.length * tuningBounds.sessionsShare),
  )
  const questions = spread(questionsOfNewest(sessions, held), tuningBounds.questionsMax)
  const start = { ...defaultSessionKnnSettings, modelBytesMax }
  const nothing = { hitRate20: 0, mrr20: 0 }
  if (questions.length < tuningBounds.questionsMin) {
    return { settings: start, trials: 0, questions: 0, before: nothing, after: nothing }
  }
  const earlier = newestClicks(splitOff(sessions, held), tuningBounds.clicksMax)
  const predictionsOf = predictor(earlier, questions, includesCurrent)
  // Before the search, which begins with the same settings: what is counted for one serves the other.
  const before = figuresOf(predictionsOf(start, 1))
  const found = search({
    start,
    space: includesCurrent ? { ...searchSpace, currentBoost: currentBoosts } : searchSpace,
    random: xoroshiro128plus(seed),
    trialsMax: tuningBounds.trialsMax,
    measure: (settings, share) => Float64Array.from(predictionsOf(settings, share), gain),
    report: (trials, { gains }) =>
      report(`tuning: ${trials} trials, HitRate@20 + MRR@20 ${meanOf([...gains]).toFixed(4)}`),
  })
  return {
    settings: found.settings,
    trials: found.trials,
    questions: questions.length,
    before,
    after: figuresOf(predictionsOf(found.settings, 1)),
  }
}

function questionsOfNewest(sessions: TrainingSessions, count: number): Question[] {
  return newest(sessions, count).flatMap((items, at) => questionsOf(String(at), items))
}

/** At most so many, taken evenly from all, and in an order in which any head is spread evenly too. */
function spread<Each>(all: readonly Each[], countMax: number): Each[] {
  const count = Math.min(all.length, countMax)
  const even = Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)])
  const thirds = [0, 1, 2].flatMap((third) => even.filter((_, at) => at % 3 === third))
  return thirds as Each[]
}

function predictor(
  earlier: TrainingSessions,
  questions: readonly Question[],
  includesCurrent: boolean,
) {
  const indexFor = indexBuilder(earlier, new Set(questions.flatMap(({ seen }) => [...seen])))
  const nowMs = earlier.sessionEndsAtMs.at(-1) ?? 0
  const popular = buildPopularity(earlier, { nowMs, ...popularitySettings }).items
  return (settings: SessionKnnSettings, share: number): Prediction[] => {
    // Nothing past a list's length is looked at here, and building it is most of the work.
    const candidatesMax = listLength + 1
    const score = sessionScorer({ ...indexFor(settings), settings: { ...settings, candidatesMax } })
    const some = questions.slice(0, Math.ceil(questions.length * share))
    return predict(some, { score, popular, length: listLength, includesCurrent })
  }
}

function gain(prediction: Prediction): number {
  return hitRate(prediction, listLength) + reciprocalRank(prediction, listLength)
}

function figuresOf(predictions: readonly Prediction[]): Figures {
  return {
    hitRate20: meanOf(predictions.map((one) => hitRate(one, listLength))),
    mrr20: meanOf(predictions.map((one) => reciprocalRank(one, listLength))),
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
}
