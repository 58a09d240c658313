import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import {
  listSays,
  sentiments,
  softmax,
  type TextModel,
  weightOfNothing,
} from '#shared/text/model.ts'
import { bucketsTotal, readText } from '#shared/text/read-text.ts'
import { packList, type WordList } from './word-list.ts'

/** A text and how people rated it on average, -4 (worst) to 4. */
export interface RatedText {
  readonly text: string
  readonly rating: number
  /** What it counts in training, beside 1 of a text that was written by somebody. */
  readonly weight: number
}

export interface SentimentSettings {
  readonly passes: number
  /** Of the first pass; it falls to 0 by the last. */
  readonly learningRate: number
  readonly ridge: number
  /** What the buckets count beside the list; smaller is more careful. */
  readonly bucketScale: number
  /** How far a rating may be from what others would have said, as a standard deviation. */
  readonly ratingDeviation: number
  /** A text of a rare sentiment counts at most so much more than its share. */
  readonly balanceMax: number
  readonly seed: number
}

export const defaultSentimentSettings: SentimentSettings = {
  ...{ passes: 8, learningRate: 0.1, ridge: 1e-4, bucketScale: 0.5 },
  ...{ ratingDeviation: 0.5, balanceMax: 4, seed: 1 },
}

/** A mean rating within so much of 0 is neutral. */
export const neutralRating = 0.5

export function sentimentAt(rating: number): number {
  if (rating < -neutralRating) return 0
  return rating > neutralRating ? 2 : 1
}

const columns = sentiments.length
/** One as large as this is the largest whole number of weight. */
const wholeMax = 127
/** Where what the list says begins: it is right more often than not. */
const listStart = [-2, 0, 2, 0, 0, 0] as const
/** Biases and weights of the list are asked of every text: they need smaller steps than buckets. */
const [biasRate, listRate] = [0.01, 0.1]

interface Example {
  readonly buckets: readonly number[]
  /** What the list says, -1 to 1. */
  readonly said: number
  readonly targets: readonly number[]
  readonly weight: number
}

/**
 * Softmax regression by AdaGrad (Duchi, Hazan, Singer 2011), its weights rounded to whole numbers. What is learned of a
 * text is not one sentiment but how likely each is, given its rating: one close to the line is of both sides. Every
 * sentiment counts the same, whatever its share of the texts. Same texts, same model.
 */
export function trainSentiment(
  texts: readonly RatedText[],
  list: WordList,
  settings: SentimentSettings,
): TextModel {
  const { passes, learningRate, ridge, bucketScale, seed } = settings
  const packed = packList(list)
  const weights = new Float64Array(bucketsTotal * columns)
  const squares = new Float64Array(weights.length).fill(1e-6)
  const bias = new Float64Array(columns)
  const listWeights = Float64Array.from(listStart)
  const examples = examplesOf(texts, packed, settings)
  const random = xoroshiro128plus(seed)
  for (let pass = 0; pass < passes; pass++) {
    shuffle(examples, random)
    const rate = learningRate * (1 - pass / passes)
    for (const { buckets, said, targets, weight } of examples) {
      const scale = bucketScale / Math.sqrt(Math.max(1, buckets.length))
      const sums = new Float64Array(columns)
      for (const bucket of buckets) {
        for (let column = 0; column < columns; column++) {
          add(sums, column, weights[bucket * columns + column] as number)
        }
      }
      const likely = softmax(
        Array.from(sums, (sum, column) => {
          const [signed = 0, sure = 0] = [listWeights[column], listWeights[columns + column]]
          return sum * scale + (bias[column] as number) + signed * said + sure * Math.abs(said)
        }),
      )
      for (let column = 0; column < columns; column++) {
        const error = ((likely[column] as number) - (targets[column] as number)) * weight
        add(bias, column, -biasRate * rate * error)
        add(listWeights, column, -listRate * rate * error * said)
        add(listWeights, columns + column, -listRate * rate * error * Math.abs(said))
        for (const bucket of buckets) {
          const at = bucket * columns + column
          const slope = error * scale + ridge * (weights[at] as number)
          add(squares, at, slope * slope)
          add(weights, at, (-rate * slope) / Math.sqrt(squares[at] as number))
        }
      }
    }
  }
  return {
    ...rounded(weights, bucketScale),
    ...packed,
    bias: Float32Array.from(bias),
    listWeights: Float32Array.from(listWeights),
  }
}

function examplesOf(
  texts: readonly RatedText[],
  packed: ReturnType<typeof packList>,
  { ratingDeviation, balanceMax }: SentimentSettings,
): Example[] {
  const counts = sentiments.map(
    (_, at) => texts.filter(({ rating }) => sentimentAt(rating) === at).length,
  )
  return texts.map(({ text, rating, weight }) => {
    const inputs = readText(text)
    const even = texts.length / columns / (counts[sentimentAt(rating)] as number)
    return {
      ...{ buckets: inputs.buckets, said: listSays(packed, inputs) },
      targets: targetsOf(rating, ratingDeviation),
      weight: weight * Math.min(balanceMax, even),
    }
  })
}

/** How likely each sentiment is where the rating is off by chance; the normal distribution as a logistic one. */
function targetsOf(rating: number, deviation: number): number[] {
  const below = (line: number) => 1 / (1 + Math.exp((-1.702 * (line - rating)) / deviation))
  const negative = below(-neutralRating)
  const positive = 1 - below(neutralRating)
  return [negative, 1 - negative - positive, positive]
}

function add(values: Float64Array, at: number, amount: number): void {
  values[at] = (values[at] as number) + amount
}

/** Fisher and Yates. */
function shuffle(list: unknown[], random: ReturnType<typeof xoroshiro128plus>): void {
  for (let at = list.length - 1; at > 0; at--) {
    const other = uniformInt(random, 0, at)
    ;[list[at], list[other]] = [list[other], list[at]]
  }
}

function rounded(weights: Float64Array, scale: number): Pick<TextModel, 'weights' | 'step'> {
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 1e-9)
  const step = largest / wholeMax
  const whole = new Uint8Array(weights.length + columns).fill(weightOfNothing)
  for (const [at, weight] of weights.entries()) {
    whole[at] = weightOfNothing + Math.round(weight / step)
  }
  return { weights: whole, step: Float32Array.of(step * scale) }
}
