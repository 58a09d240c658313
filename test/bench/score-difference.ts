import { unpackRelease } from '#shared/release.ts'
import { indexFromModel, scoreSession } from '#shared/session-knn.ts'
import type { ReplayAnswer } from './replay-client.ts'

interface Answered {
  readonly seen: readonly string[]
  readonly answer: ReplayAnswer
}

/**
 * The largest difference between a score that the POP answered (ONNX in workerd) and the TypeScript
 * scorer's for the same item, over all answers; an item that only one of the two names counts whole.
 */
export function scoreDifference(release: Uint8Array, answered: readonly Answered[]): number {
  const { models, catalogue } = unpackRelease(release)
  const index = indexFromModel(models['session-knn'] as Uint8Array)
  const numbers = new Map(catalogue.items.map(({ id }, number) => [id, number]))
  let largest = 0
  for (const { seen, answer } of answered) {
    const session = seen.flatMap((id) => numbers.get(id) ?? [])
    const { items, scores } = scoreSession(index, Int32Array.from(session))
    const expected = new Map(Array.from(items, (item, at) => [item, scores[at] as number]))
    for (const { id, score, by } of answer.items) {
      if (by !== 'model') continue
      const own = expected.get(numbers.get(id) as number) ?? 0
      largest = Math.max(largest, Math.abs(score - own))
    }
  }
  return largest
}
