import type { Fallback } from '#shared/contract.ts'
import { observeEvents } from '#shared/stream/remembered.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'

/**
 * Takes the readings of the question into the stream that the placement remembers, each beside what a model foretells of
 * it; where that is missing or fails the statistics answer alone.
 */
export async function inferStream({
  model,
  known,
  features,
}: AskedModel<'stream'>): Promise<ModelAnswer> {
  let fallback: Fallback | null = model.fallback
  const foretell = async (window: Float32Array) => {
    // A model that failed once is not asked again for this question.
    if (fallback === 'model_failed') return null
    const foretold = await model.foretell?.(window)
    fallback = foretold?.fallback ?? fallback
    return foretold?.score ?? null
  }
  const isForetold = model.foretell !== null || model.fallback !== null
  const { stream, score, value, forecast } = await observeEvents(
    known.stream,
    model.property,
    known.readings,
    isForetold ? foretell : null,
  )
  const inputs = value === null ? {} : { [model.property]: value }
  const seen = { ...features, inputs, streamScore: score, ...(forecast && { forecast }) }
  return { features: seen, score, stream, fallback }
}
