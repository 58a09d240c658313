import { popularityModel } from '#shared/model.ts'
import { readFeatures } from '#shared/tabular/read-features.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'
import { numbersOf } from './items.ts'

/** Weighs what a session model names by what is taken at this hour; without a session the hour alone tells. */
export async function inferItemsOfTime({
  model,
  known,
  release,
  features,
}: AskedModel<'items-of-time'>): Promise<ModelAnswer> {
  const inputs = readFeatures(model.features, known)
  const ofSession = release.models.get(model.beside)
  const numbers = numbersOf(features.items, release)
  const near =
    ofSession?.answers === 'items' && numbers.length > 0
      ? await ofSession.score(numbers)
      : { candidates: [], fallback: null }
  const taken = await model.score(inputs, {
    items: Int32Array.from(near.candidates, ({ id }) => release.numberOf(id) as number),
    scores: Float32Array.from(near.candidates, ({ score }) => score),
  })
  const seen = { features: { ...features, inputs } }
  const isFailed = [taken.fallback, near.fallback].includes('model_failed')
  // One without the other would be another model than the one that is named.
  if (isFailed) return { ...seen, model: popularityModel, fallback: 'model_failed' }
  return { ...seen, candidates: taken.candidates, fallback: taken.fallback ?? near.fallback }
}
