import { readInitializers, type TensorData } from '../onnx-model.ts'
import { bucketsTotal, signPlain, type TextInputs } from './read-text.ts'

/** From worst to best; the order of a model's columns. */
export const sentiments = ['negative', 'neutral', 'positive'] as const
const columns = sentiments.length

/**
 * Softmax regression on the buckets of a text and on what a list of rated words says of it: margin k = bias k +
 * step · Σ (weight k of each bucket − 128) / √count + listWeight k · c + listWeight (3 + k) · |c|, where c is the sum of the
 * ratings of its words brought to -1 to 1. Weights and ratings are whole numbers, so their sums are exact in any order.
 */
export interface TextModel {
  /** Row after row, one a bucket and one of 128 for the padding; a column a sentiment. */
  readonly weights: Uint8Array
  /** What a whole number of weight stands for; of length 1. */
  readonly step: Float32Array
  readonly bias: Float32Array
  /** The words of the list by their hashes, in `listRows` rows of one length: a word is in row hash % `listRows`. */
  readonly listHashes: Int32Array
  /** Of each 128 and its rating in tenths. */
  readonly listRatings: Uint8Array
  readonly listWeights: Float32Array
}

export const weightOfNothing = 128
export const listRows = 4_096
/** No word has this hash. */
export const noHash = -1
/** Ratings are in tenths, and each is multiplied by its sign. */
export const listUnit = 10 * signPlain
/** The larger, the more rated words it takes to be sure (Hutto and Gilbert 2014). */
export const listSpread = 15

/** Rebuilds a model from its file. Throws where it is none of ours. */
export function textFromModel(modelBytes: Uint8Array): TextModel {
  const tensors = readInitializers(modelBytes)
  const of = <Data extends TensorData>(name: string, kind: new (length: number) => Data): Data => {
    const data = tensors.get(name)?.data
    if (data instanceof kind) return data
    throw new Error(`not a model of texts of ours: no ${name}`)
  }
  const model: TextModel = {
    ...{ weights: of('weights', Uint8Array), step: of('step', Float32Array) },
    ...{ bias: of('bias', Float32Array), listHashes: of('listHashes', Int32Array) },
    ...{ listRatings: of('listRatings', Uint8Array), listWeights: of('listWeights', Float32Array) },
  }
  if (model.weights.length === (bucketsTotal + 1) * columns) return model
  throw new Error('not a model of texts of ours: it has another number of buckets')
}

/**
 * How likely each sentiment is, in plain TypeScript: the fallback where WASM is not usable, and the oracle the ONNX graph
 * is tested against; they differ by the rounding of exp.
 */
export function sentimentOf(model: TextModel, inputs: TextInputs): number[] {
  const { buckets } = inputs
  const root = Math.fround(Math.sqrt(Math.max(1, buckets.length)))
  const scale = Math.fround((model.step[0] as number) / root)
  const said = listSays(model, inputs)
  const margins = Array.from(model.bias, (bias, column) => {
    let sum = 0
    for (const bucket of buckets) {
      sum += (model.weights[bucket * columns + column] as number) - weightOfNothing
    }
    const ofBuckets = Math.fround(Math.fround(sum * scale) + bias)
    const signed = Math.fround((model.listWeights[column] as number) * said)
    const sure = Math.fround((model.listWeights[columns + column] as number) * Math.abs(said))
    return Math.fround(ofBuckets + Math.fround(signed + sure))
  })
  return softmax(margins)
}

/** What the list says of a text, -1 to 1. */
export function listSays(
  { listHashes, listRatings }: Pick<TextModel, 'listHashes' | 'listRatings'>,
  { words, signs }: TextInputs,
): number {
  const slots = listHashes.length / listRows
  let sum = 0
  for (const [at, word] of words.entries()) {
    const row = (word % listRows) * slots
    for (let slot = row; slot < row + slots; slot++) {
      if (listHashes[slot] !== word) continue
      sum += ((listRatings[slot] as number) - weightOfNothing) * (signs[at] as number)
    }
  }
  const rating = Math.fround(sum / listUnit)
  const spread = Math.fround(Math.fround(rating * rating) + listSpread)
  return Math.fround(rating / Math.fround(Math.sqrt(spread)))
}

export function softmax(margins: readonly number[]): number[] {
  const highest = Math.max(...margins)
  const powers = margins.map((margin) => Math.exp(margin - highest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** From -1, surely negative, to 1, surely positive: how much likelier the one is than the other. */
export function scoreText(model: TextModel, inputs: TextInputs): number {
  const [negative = 0, , positive = 0] = sentimentOf(model, inputs)
  return Math.fround(positive - negative)
}
