import { readText, textAt, textReadDefault } from '#shared/text/read-text.ts'
import type { AskedModel, ModelAnswer } from './inferred.ts'

/** Scores the text that the placement names; without a word in it the model is not asked. */
export async function inferText({
  model,
  known,
  placement,
  features,
}: AskedModel<'score-of-text'>): Promise<ModelAnswer> {
  const from = ('text' in placement && placement.text) || textReadDefault
  const text = readText(textAt(from, known))
  const seen = { features: { ...features, text } }
  if (text.words.length === 0) return { ...seen, fallback: 'no_text' }
  return { ...seen, ...(await model.score(text)) }
}
