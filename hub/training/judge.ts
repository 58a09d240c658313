import { mean } from 'simple-statistics'
import type { Popularity } from '#models/popularity/popularity.ts'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import { type SessionKnnIndex, sessionScorer } from '#shared/session-knn.ts'
import { hitRate, type Prediction, reciprocalRank } from '../evaluation/metrics.ts'
import { predict, questionsOf } from '../evaluation/predict.ts'
import { newest, splitOff } from './split-sessions.ts'

const length = 20
const nothing = () => ({ items: Int32Array.of(), scores: Float32Array.of() })
const heldBackShare = 0.05
const heldBackSessionsMax = 500
/** Fewer predictions than this say nothing; the model passes for want of evidence against it. */
const predictionsMin = 50

export interface Verdict {
  readonly passed: boolean
  /** A sentence for people. */
  readonly reason: string
  readonly predictions: number
  readonly hitRate20: number
  readonly mrr20: number
  readonly popularityMrr20: number
}

/** Splits off the newest sessions: a model is judged on what came after what it learned from. */
export function split(sessions: TrainingSessions) {
  const total = sessions.sessionEndsAtMs.length
  const held = Math.min(heldBackSessionsMax, Math.floor(total * heldBackShare))
  return { earlier: splitOff(sessions, held), heldBack: newest(sessions, held) }
}

/** Predicts every next item of the sessions held back, by the model and by popularity, and compares. */
export function judge(
  index: SessionKnnIndex,
  popularity: Popularity,
  heldBack: readonly Int32Array[],
): Verdict {
  const questions = heldBack.flatMap((items, at) => questionsOf(String(at), items))
  const how = { popular: popularity.items, length, includesCurrent: false }
  const byModel = predict(questions, { ...how, score: sessionScorer(index) })
  const byPopularity = predict(questions, { ...how, score: nothing })
  const figures = {
    predictions: byModel.length,
    hitRate20: meanOf(byModel, hitRate),
    mrr20: meanOf(byModel, reciprocalRank),
    popularityMrr20: meanOf(byPopularity, reciprocalRank),
  }
  return { ...figures, ...ruling(figures) }
}

function ruling({ predictions, mrr20, popularityMrr20 }: Omit<Verdict, 'passed' | 'reason'>) {
  if (predictions < predictionsMin) {
    return { passed: true, reason: `too few predictions to judge by: ${predictions}` }
  }
  const [own, others] = [mrr20.toFixed(4), popularityMrr20.toFixed(4)]
  return mrr20 > popularityMrr20
    ? { passed: true, reason: `MRR@20 ${own} is above popularity's ${others}` }
    : { passed: false, reason: `MRR@20 ${own} is not above popularity's ${others}` }
}

function meanOf(
  made: readonly Prediction[],
  metric: (prediction: Prediction, length: number) => number,
): number {
  return made.length === 0 ? 0 : mean(made.map((prediction) => metric(prediction, length)))
}
