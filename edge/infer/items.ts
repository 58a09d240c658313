import { popularityModel } from '#shared/model.ts'
import type { LoadedRelease } from '../releases/load.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'

/** The items of a session by their numbers in the catalogue. */
export function numbersOf(items: readonly string[], release: LoadedRelease): Int32Array {
  return Int32Array.from(items, (item) => release.numberOf(item) as number)
}

/** Names items by those of the session; without one, or without a model that answers, popularity does. */
export async function inferItems({
  model,
  release,
  features,
}: AskedModel<'items'>): Promise<ModelAnswer> {
  const numbers = numbersOf(features.items, release)
  if (numbers.length === 0) return { model: popularityModel, fallback: 'unknown_visitor' }
  const { candidates, fallback } = await model.score(numbers)
  const answering = fallback === 'model_failed' ? { model: popularityModel } : {}
  return { candidates, fallback, ...answering }
}
