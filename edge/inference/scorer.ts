import type { Candidates } from '#shared/session-knn.ts'

/** A loaded model: scores a session of dense item numbers, oldest first. */
export interface Scorer {
  score(items: Int32Array): Promise<Candidates>
  dispose(): Promise<void>
}
