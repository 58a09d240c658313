import type { Candidates } from '#shared/session-knn.ts'
import type { TextInputs } from '#shared/text/read-text.ts'

/** A loaded model that names items: scores a session of dense item numbers, oldest first. */
export interface ItemScorer {
  score(items: Int32Array): Promise<Candidates>
  dispose(): Promise<void>
}

/** A loaded model that scores a row of features; NaN where the model says so. */
export interface RowScorer {
  score(row: Float32Array): Promise<number>
  dispose(): Promise<void>
}

/** A loaded model of texts: scores one of at least a word. */
export interface TextScorer {
  score(text: TextInputs): Promise<number>
  dispose(): Promise<void>
}

/** A loaded model of the time of day: scores items in a slot, beside what a session model named. */
export interface TasteScorer {
  score(slot: number, near: Candidates): Promise<Candidates>
  dispose(): Promise<void>
}

/** A loaded forecast of a stream: what it foretells of the observation after a window, in deviations. */
export interface ForecastScorer {
  score(window: Float32Array): Promise<number>
  dispose(): Promise<void>
}
