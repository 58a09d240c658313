import type { ScoredItem } from './decide.ts'
import type { Candidates } from './session-knn.ts'

/** Candidates by their ids, in their order; a number without an id and a score that is none are left out. */
export function namedItems(
  { items, scores }: Candidates,
  itemIds: readonly string[],
): ScoredItem[] {
  return Array.from(items, (number, index) => ({
    id: itemIds[number] as string,
    score: scores[index] as number,
  })).filter(({ id, score }) => id !== undefined && Number.isFinite(score))
}
