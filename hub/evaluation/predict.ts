import type { SessionScorer } from '#shared/session-knn.ts'
import type { Prediction } from './metrics.ts'

/** One thing to predict, in dense item numbers: the session so far, and what follows; -1 is an item nobody knows. */
export interface Question {
  readonly sessionId: string
  readonly seen: Int32Array
  readonly next: readonly number[]
  readonly current: number
}

/** A session asks once before each of its items but the first. */
export function questionsOf(sessionId: string, items: Int32Array): Question[] {
  return Array.from(items.subarray(1), (_, at) => ({
    sessionId,
    seen: items.slice(0, at + 1).filter((item) => item >= 0),
    next: [...items.subarray(at + 1)],
    current: items[at] as number,
  }))
}

/** What a list is made of, and how. */
export interface Answering {
  readonly score: SessionScorer
  /** What fills the list where the model has no more to say, best first. */
  readonly popular: Int32Array
  readonly length: number
  /** Whether what the visitor looks at now may be in the list; the default policy says no. */
  readonly includesCurrent: boolean
}

/**
 * Answers a question as a POP does by the default policy: the model's items, then what is popular, each
 * once. Tuning, judging and every offline figure ask this one function.
 */
export function recommend({ seen, current }: Pick<Question, 'seen' | 'current'>, how: Answering) {
  const answer: number[] = []
  const scored = seen.length === 0 ? [] : how.score(seen).items
  for (const list of [scored, how.popular]) {
    for (const item of list) {
      if (answer.length >= how.length) return answer
      if (item === current && !how.includesCurrent) continue
      // What the model named is named once; only what fills the list may repeat it.
      if (list === scored || !answer.includes(item)) answer.push(item)
    }
  }
  return answer
}

export function predict(questions: readonly Question[], how: Answering): Prediction[] {
  return questions.map((question) => ({
    recommended: recommend(question, how),
    next: question.next,
  }))
}
