import { readFeatures } from '#shared/tabular/read-features.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'

/** Scores a row of features, or finds its segment. */
export async function inferRow({
  model,
  known,
  features,
}: AskedModel<'score'>): Promise<ModelAnswer> {
  const inputs = readFeatures(model.features, known)
  const { segmentNames } = model
  return { ...(await model.score(inputs)), features: { ...features, inputs }, segmentNames }
}
