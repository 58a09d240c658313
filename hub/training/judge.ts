import { mean } from 'simple-statistics'
import type { Popularity } from '#models/popularity/popularity.ts'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import { type SessionKnnIndex, scoreSession } from '#shared/session-knn.ts'
import { hitRate, type Prediction, reciprocalRank } from '../evaluation/metrics.ts'

const length = 20
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
  const cut = total - held
  const earlier: TrainingSessions = {
    itemsTotal: sessions.itemsTotal,
    items: sessions.items.slice(0, sessions.sessionOffsets[cut]),
    sessionOffsets: sessions.sessionOffsets.slice(0, cut + 1),
    sessionEndsAtMs: sessions.sessionEndsAtMs.slice(0, cut),
  }
  const heldBack = newest(sessions, held)
  return { earlier, heldBack }
}

/** The newest `count` sessions, oldest of them first. */
export function newest({ items, sessionOffsets }: TrainingSessions, count: number): Int32Array[] {
  const starts = sessionOffsets
    .subarray(0, -1)
    .subarray(Math.max(0, sessionOffsets.length - 1 - count))
  const first = sessionOffsets.length - 1 - starts.length
  return Array.from(starts, (start, index) => items.slice(start, sessionOffsets[first + index + 1]))
}

/** Predicts every next item of the sessions held back, by the model and by popularity, and compares. */
export function judge(
  index: SessionKnnIndex,
  popularity: Popularity,
  heldBack: readonly Int32Array[],
): Verdict {
  const byModel = predictions(heldBack, (seen) => scoreSession(index, seen).items)
  const byPopularity = predictions(heldBack, () => popularity.items)
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

function predictions(
  heldBack: readonly Int32Array[],
  recommend: (seen: Int32Array) => Int32Array,
): Prediction[] {
  return heldBack.flatMap((session) =>
    Array.from({ length: Math.max(0, session.length - 1) }, (_, at) => {
      const current = session[at]
      const recommended = recommend(session.subarray(0, at + 1)).filter((item) => item !== current)
      return {
        recommended: [...recommended.subarray(0, length)],
        next: [...session.subarray(at + 1)],
      }
    }),
  )
}

function meanOf(
  made: readonly Prediction[],
  metric: (prediction: Prediction, length: number) => number,
): number {
  return made.length === 0 ? 0 : mean(made.map((prediction) => metric(prediction, length)))
}
