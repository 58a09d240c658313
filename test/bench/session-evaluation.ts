import {
  coverage,
  hitRate,
  ndcg,
  type Prediction,
  recall,
  reciprocalRank,
} from '#hub/evaluation/metrics.ts'
import {
  predict as predictBy,
  type Question,
  questionsOf as questionsOfItems,
} from '#hub/evaluation/predict.ts'
import type { FileSession } from '#hub/evaluation/session-file.ts'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import type { SessionScorer } from '#shared/session-knn.ts'

export const recommendedLength = 20

export interface NumberedSessions {
  training: TrainingSessions
  /** Dense number by item id. */
  numbers: Map<string, number>
}

/** Numbers the items in order of appearance and lays the sessions flat, oldest end first. */
export function numberSessions(sessions: FileSession[]): NumberedSessions {
  const ended = sessions
    .map((session) => ({ session, endsAtMs: Math.max(...session.timesMs) }))
    .sort((a, b) => a.endsAtMs - b.endsAtMs)
  const numbers = new Map<string, number>()
  const sessionOffsets = new Int32Array(sessions.length + 1)
  const items = new Int32Array(sessions.reduce((sum, { itemIds }) => sum + itemIds.length, 0))
  ended.forEach(({ session }, at) => {
    let click = sessionOffsets[at] as number
    for (const itemId of session.itemIds) {
      if (!numbers.has(itemId)) numbers.set(itemId, numbers.size)
      items[click++] = numbers.get(itemId) as number
    }
    sessionOffsets[at + 1] = click
  })
  const sessionEndsAtMs = Float64Array.from(ended, ({ endsAtMs }) => endsAtMs)
  return {
    training: { itemsTotal: numbers.size, items, sessionOffsets, sessionEndsAtMs },
    numbers,
  }
}

/** Every session asks once before each of its items but the first; -1 is an item training never saw. */
export function questionsOf(sessions: FileSession[], numbers: Map<string, number>): Question[] {
  return sessions.flatMap(({ sessionId, itemIds }) =>
    questionsOfItems(
      sessionId,
      Int32Array.from(itemIds, (itemId) => numbers.get(itemId) ?? -1),
    ),
  )
}

/** Asks a scorer alone: what it leaves open is not filled. */
export function predict(questions: Question[], score: SessionScorer): Prediction[] {
  const alone = { popular: Int32Array.of(), length: recommendedLength, includesCurrent: false }
  return predictBy(questions, { score, ...alone })
}

export const metrics = { HitRate: hitRate, MRR: reciprocalRank, NDCG: ndcg, Recall: recall }

/** Means over all predictions, as flat figures: `{ 'HitRate@20': 0.69, … }`. */
export function figuresOf(predictions: Prediction[], itemsTotal: number): Record<string, number> {
  const means = Object.entries(metrics).map(([name, metric]) => {
    const sum = predictions.reduce((total, one) => total + metric(one, recommendedLength), 0)
    return [`${name}@${recommendedLength}`, sum / predictions.length]
  })
  const covered = coverage(predictions, recommendedLength, itemsTotal)
  return { ...Object.fromEntries(means), [`Coverage@${recommendedLength}`]: covered }
}
