import { observeEvents } from '#shared/stream/remembered.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'

/** Takes the readings of the question into the stream that the placement remembers. */
export function inferStream({ model, known, features }: AskedModel<'stream'>): ModelAnswer {
  const { stream, score, value } = observeEvents(known.stream, model.property, known.readings)
  const inputs = value === null ? {} : { [model.property]: value }
  return { features: { ...features, inputs, streamScore: score }, score, stream }
}
