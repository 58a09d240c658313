import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { expect, test } from 'vitest'
import { seededRandom } from '#hub/synthetic/random.ts'
import { buildDemandModel } from '#models/demand-price/graph.ts'
import { trainDemand } from '#models/demand-price/train.ts'
import {
  bestPrice,
  buyingProbability,
  type DemandModel,
  demandFromModel,
  expectedRevenue,
} from '#shared/tabular/demand.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'

ort.env.wasm.numThreads = 1

const grid = { from: 0.5, to: 3, step: 0.05 }

/** Travellers who have to fly (column 0 is 1) buy up to 2 on average, all others up to 1. */
function searches(count: number, seed: number) {
  const random = seededRandom(seed)
  const rows = new Float32Array(count * 2)
  const prices = new Float64Array(count)
  const labels = new Uint8Array(count)
  for (let at = 0; at < count; at++) {
    const hasTo = random.chance(0.5) ? 1 : 0
    rows.set([hasTo, random.unit()], at * 2)
    prices[at] = 0.5 + 2 * random.unit()
    labels[at] = (prices[at] as number) <= random.logNormal(hasTo ? 2 : 1, 0.2) ? 1 : 0
  }
  return { examples: { columns: 2, rows, labels }, prices }
}

test('whoever has to fly is asked for more, and what it expects is what came', () => {
  const { examples, prices } = searches(4_000, 1)
  const model = trainDemand(examples, prices, grid)
  const [free, bound] = [Float32Array.of(0, 0.5), Float32Array.of(1, 0.5)]
  // Of a log-normal of deviation 0.2 about the median the best price is some 0.8 of it.
  expect(bestPrice(model, free)).toBeGreaterThan(0.65)
  expect(bestPrice(model, free)).toBeLessThan(0.95)
  expect(bestPrice(model, bound)).toBeGreaterThan(1.3)
  expect(bestPrice(model, bound)).toBeLessThan(1.9)
  expect(buyingProbability(model, bound, 1.2)).toBeGreaterThan(0.85)
  expect(buyingProbability(model, free, 1.8)).toBeLessThan(0.15)
})

test('the same searches make the same bytes, and the file is the model', () => {
  const { examples, prices } = searches(500, 2)
  const [one, other] = [0, 1].map(() => trainDemand(examples, prices, grid)) as [
    DemandModel,
    DemandModel,
  ]
  expect(buildDemandModel(one)).toEqual(buildDemandModel(other))
  expect(demandFromModel(buildDemandModel(one))).toEqual(one)
})

const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -20, max: 20 })
const floats = (length: number) =>
  fc
    .array(float, { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values))
const anyModel = fc.record({
  ...{ weights: floats(3), bias: floats(1), priceWeights: floats(3), priceBias: floats(1) },
  prices: fc.constant(Float32Array.from({ length: 40 }, (_, at) => 0.5 + at * 0.05)),
})

test('WebAssembly and TypeScript name a price that brings as much', async () => {
  await fc.assert(
    fc.asyncProperty(anyModel, fc.array(floats(3), { maxLength: 5 }), async (model, rows) => {
      const file = buildDemandModel(model)
      const score = ownScorer(file)
      const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 })
      for (const row of rows) {
        const features = new ort.Tensor('float32', row, [1, row.length])
        const told = (await session.run({ features })).score?.data[0] as number
        // Of prices that bring the same to the last bit either may be named.
        expect(model.prices).toContain(told)
        const most = expectedRevenue(model, row, score(row))
        expect(Math.abs(expectedRevenue(model, row, told) - most)).toBeLessThanOrEqual(
          1e-5 * Math.max(1, most),
        )
      }
      await session.release()
    }),
    { numRuns: 60, seed: 1 },
  )
})
