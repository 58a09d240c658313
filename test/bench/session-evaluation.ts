import {
  coverage,
  hitRate,
  ndcg,
  type Prediction,
  recall,
  reciprocalRank,
} from '#hub/evaluation/metrics.ts'
import type { FileSession } from '#hub/evaluation/session-file.ts'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import type { Candidates } from '#shared/session-knn.ts'

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

/** One thing to predict: the session so far, and what follows; -1 is an item training never saw. */
export interface Question {
  sessionId: string
  seen: Int32Array
  next: number[]
  current: number
}

/** Every session asks once before each of its items but the first. */
export function questionsOf(sessions: FileSession[], numbers: Map<string, number>): Question[] {
  return sessions.flatMap(({ sessionId, itemIds }) => {
    const items = itemIds.map((itemId) => numbers.get(itemId) ?? -1)
    return items.slice(1).map((_, at) => ({
      sessionId,
      seen: Int32Array.from(items.slice(0, at + 1).filter((item) => item >= 0)),
      next: items.slice(at + 1),
      current: items[at] as number,
    }))
  })
}

/** Asks a scorer; what the visitor looks at now is dropped before the list is cut. */
export function predict(
  questions: Question[],
  score: (seen: Int32Array) => Candidates,
): Prediction[] {
  return questions.map(({ seen, next, current }) => ({
    recommended: [...score(seen).items]
      .filter((item) => item !== current)
      .slice(0, recommendedLength),
    next,
  }))
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
