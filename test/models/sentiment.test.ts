import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { describe, expect, it } from 'vitest'
import { accuracy, brierOfClasses, groupedInterval, macroF1 } from '#hub/evaluation/classes.ts'
import { readOnnxFile } from '#hub/judging/onnx-file.ts'
import { allowedOperators, opsetMax } from '#hub/judging/operators.ts'
import { askedTexts, shippedSentiment } from '#hub/training/sentiment/shipped.ts'
import { buildTextModel } from '#models/sentiment/graph.ts'
import { defaultSentimentSettings, trainSentiment } from '#models/sentiment/train.ts'
import { packList } from '#models/sentiment/word-list.ts'
import { sha256Hex } from '#shared/digest.ts'
import {
  listSays,
  scoreText,
  sentimentOf,
  type TextModel,
  textFromModel,
} from '#shared/text/model.ts'
import {
  bucketsMax,
  bucketsTotal,
  paddedText,
  readText,
  type TextInputs,
  wordsMax,
} from '#shared/text/read-text.ts'

ort.env.wasm.numThreads = 1

const rated = [
  ['lovely and quick', 3],
  ['lovely', 2.5],
  ['broken and slow', -3],
  ['broken', -2.5],
  ['it is a box', 0],
  ['it is grey', 0],
].map(([text, rating]) => ({ text: text as string, rating: rating as number, weight: 1 }))
const list = new Map([
  ['quick', 1.5],
  ['slow', -1.2],
  [':)', 2],
])
const small = trainSentiment(rated, list, defaultSentimentSettings)
const shipped = textFromModel(readFileSync(shippedSentiment.files.model))
const says = (text: string) => scoreText(shipped, readText(text))

describe('a model of texts', () => {
  it('learns which words are of which side, the same each time', () => {
    expect(trainSentiment(rated, list, defaultSentimentSettings)).toEqual(small)
    const of = (text: string) => scoreText(small, readText(text))
    expect(of('so lovely')).toBeGreaterThan(0.3)
    expect(of('so broken')).toBeLessThan(-0.3)
    expect(Math.abs(of('it is'))).toBeLessThan(0.3)
  })

  it('scores the same in WebAssembly, whatever is written', async () => {
    const session = await ort.InferenceSession.create(buildTextModel(small))
    const own = await ort.InferenceSession.create(readFileSync(shippedSentiment.files.model))
    const inWasm = async (of: ort.InferenceSession, text: TextInputs) => {
      const tensors = Object.entries(paddedText(text)).map(([name, values]) => [
        name,
        new ort.Tensor('int32', values, [values.length]),
      ])
      const { score } = await of.run(Object.fromEntries(tensors))
      return score?.data[0] as number
    }
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('not good at all', 'GREAT!!!', '😡'.repeat(400), 'long '.repeat(5_000)),
      // Halves of surrogate pairs too.
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 })
        .map((units) => String.fromCharCode(...units)),
    )
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const inputs = readText(text)
        const { buckets, words } = inputs
        expect(words.length).toBeLessThanOrEqual(wordsMax)
        expect(buckets.length).toBeLessThanOrEqual(bucketsMax)
        expect(buckets.every((bucket) => bucket >= 0 && bucket < bucketsTotal)).toBe(true)
        for (const [of, model] of [
          [session, small],
          [own, shipped],
        ] as const) {
          const score = await inWasm(of, inputs)
          expect(Math.abs(score)).toBeLessThanOrEqual(1)
          expect(Math.abs(score - scoreText(model, inputs))).toBeLessThan(1e-6)
        }
      }),
      { numRuns: 100, seed: 1 },
    )
    await session.release()
    await own.release()
  })

  it('comes back from its file as it was, and from no other', () => {
    const back: TextModel = textFromModel(buildTextModel(small))
    expect(back).toEqual(small)
    expect(() => textFromModel(new Uint8Array())).toThrow('not a model of texts of ours')
  })
})

describe('the model that the hub ships', () => {
  it('is the file that its description names, and one that a POP may get', async () => {
    const bytes = new Uint8Array(readFileSync(shippedSentiment.files.model))
    expect(await sha256Hex(bytes)).toBe(shippedSentiment.sha256)
    expect(bytes.length).toBeLessThan(400_000)
    const { opset, nodes } = readOnnxFile(bytes)
    expect(opset).toBeLessThanOrEqual(opsetMax)
    expect(nodes.filter(({ opType }) => !allowedOperators.has(opType))).toEqual([])
  })

  it('is in a release whose policy asks for it, and in no other', () => {
    const placements = (model: string) => ({ chat: { kind: 'alert' as const, model, levels: [] } })
    expect(Object.keys(askedTexts({ placements: placements('sentiment') }).bytes)).toEqual([
      'sentiment',
    ])
    expect(askedTexts({ placements: placements('churn') })).toEqual({ declared: {}, bytes: {} })
  })

  it('tells praise from blame, and what a negation makes of a word', () => {
    expect(says('This is wonderful, thank you so much!')).toBeGreaterThan(0.5)
    expect(says('Terrible. It broke and nobody answers.')).toBeLessThan(-0.5)
    expect(says('not good')).toBeLessThan(says('good') - 0.5)
    expect(says('😠')).toBeLessThan(says('😍') - 0.5)
    expect(says('I love it :)')).toBeGreaterThan(says('I love it :('))
  })

  it('says how likely each sentiment is', () => {
    const likely = sentimentOf(shipped, readText('The parcel has three buttons.'))
    expect(likely.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9)
    expect(likely.every((each) => each >= 0)).toBe(true)
  })
})

it('a list adds up what it knows of a text, and turns it where it is negated', () => {
  const packed = packList(list)
  const of = (text: string) => listSays(packed, readText(text))
  const brought = (sum: number) => sum / Math.sqrt(sum * sum + 15)
  expect(of('Quick!')).toBeCloseTo(brought(1.5), 6)
  expect(of('not quick')).toBeCloseTo(brought(-0.74 * 1.5), 6)
  expect(of('slow, but quick :)')).toBeCloseTo(brought(-1.2 + 1.5 + 2), 6)
  expect(of('a box')).toBe(0)
})

it('figures of several classes are what the textbook says', () => {
  const answers = [
    { group: 'a', actual: 0, likely: [0.7, 0.2, 0.1] },
    { group: 'a', actual: 1, likely: [0.6, 0.3, 0.1] },
    { group: 'b', actual: 2, likely: [0, 0, 1] },
    { group: 'c', actual: 2, likely: [0.1, 0.1, 0.8] },
  ]
  expect(accuracy(answers)).toBe(0.75)
  // Of 0: precision 1/2, recall 1; of 1: nothing; of 2: all.
  expect(macroF1(answers)).toBeCloseTo((2 / 3 + 0 + 1) / 3, 9)
  expect(brierOfClasses(answers)).toBeCloseTo((0.14 + 0.86 + 0 + 0.06) / 4, 9)
  const sameGroup = answers.map((each) => ({ ...each, group: 'one' }))
  const random = { next: () => 0 } as never
  const { mean, low, high } = groupedInterval(sameGroup, accuracy, { resamples: 3, random })
  expect([mean, low, high]).toEqual([0.75, 0.75, 0.75])
})
