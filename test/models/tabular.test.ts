import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { brier } from '#hub/evaluation/classification.ts'
import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { calibrated, calibration } from '#models/tabular/calibrate.ts'
import { type Examples, rowOf } from '#models/tabular/examples.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { defaultLogisticSettings, trainLogistic } from '#models/tabular/train-logistic.ts'
import { defaultTreesSettings, trainTrees } from '#models/tabular/train-trees.ts'
import {
  marginOf,
  type OwnTabularModel,
  scoreRow,
  tabularFromModel,
} from '#shared/tabular/model.ts'

ort.env.wasm.numThreads = 1
// A tree that is one leaf still carries what parts the others; the runtime warns of each.
const quiet = { logSeverityLevel: 3 } as const

const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
const columns = 4

/** What happens follows from the first two columns together: only a tree can say so. */
function examples(count: number, seed: number): Examples {
  const random = xoroshiro128plus(seed)
  const rows = Float32Array.from({ length: count * columns }, () => uniformInt(random, 0, 9))
  const labels = Uint8Array.from({ length: count }, (_, at) => {
    const [one = 0, other = 0] = rows.subarray(at * columns)
    return one < 5 === other < 5 && uniformInt(random, 0, 9) > 0 ? 1 : 0
  })
  return { columns, rows, labels }
}

const logistic = fc
  .record({ weights: fc.array(float, { minLength: columns, maxLength: columns }), bias: float })
  .map(
    ({ weights, bias }): OwnTabularModel => ({
      ...{ kind: 'logistic', weights: Float32Array.from(weights), bias: Float32Array.of(bias) },
    }),
  )
const trees = fc
  .record({ seed: fc.nat(99), depthMax: fc.integer({ min: 0, max: 6 }), treesMax: fc.nat(6) })
  .map(({ seed, ...changes }): OwnTabularModel => {
    const settings = { ...defaultTreesSettings, leafExamplesMin: 2, ...changes }
    return trainTrees(examples(100, seed), examples(50, seed + 1), settings)
  })
const row = fc.array(float, { minLength: columns, maxLength: columns })

/** Scores rows as the POP does. */
async function wasmScores(model: OwnTabularModel, rows: readonly Float32Array[]) {
  const file = buildTabularModel(model, columns)
  const session = await ort.InferenceSession.create(file, quiet)
  const scores: number[] = []
  for (const row of rows) {
    const features = new ort.Tensor('float32', row, [1, row.length])
    const { score } = await session.run({ features })
    scores.push(score?.data[0] as number)
  }
  await session.release()
  return scores
}

describe('a tabular model in WASM', () => {
  it.each([
    ['weights', logistic],
    ['trees', trees],
  ])(
    'scores like scoreRow, whatever its %s and the row',
    async (_what, models) => {
      await fc.assert(
        fc.asyncProperty(
          models,
          fc.array(row, { minLength: 1, maxLength: 4 }),
          async (model, drawn) => {
            const rows = [...drawn.map((each) => Float32Array.from(each)), examples(1, 3).rows]
            const scores = await wasmScores(model, rows)
            for (const [at, each] of rows.entries()) {
              expect(Math.abs((scores[at] as number) - scoreRow(model, each))).toBeLessThan(1e-6)
            }
          },
        ),
        { numRuns: 30 },
      )
    },
    60_000,
  )
})

describe('tabularFromModel', () => {
  it.each([
    ['weights', logistic],
    ['trees', trees],
  ])('gives back the %s that a file was built from', (_what, models) => {
    const [model] = fc.sample(models, 1) as [OwnTabularModel]
    expect(tabularFromModel(buildTabularModel(model, columns))).toEqual(model)
  })

  it('refuses a file that is none of ours', () => {
    const { model } = newModel('other', 16)
    expect(() => tabularFromModel(writeModel(model))).toThrow('not a tabular model of ours')
  })
})

describe('training', () => {
  const [train, held, test] = [examples(2_000, 1), examples(500, 2), examples(1_000, 3)]
  const scoresOf = (model: OwnTabularModel, of: Examples) =>
    Float64Array.from(of.labels, (_, at) => scoreRow(model, rowOf(of, at)))
  const errorOf = (model: OwnTabularModel) =>
    brier({ scores: scoresOf(model, test), labels: test.labels })

  it('finds with trees what no line parts, and stops when more trees help nobody', () => {
    const model = trainTrees(train, held, defaultTreesSettings)
    expect(model.roots.length).toBeGreaterThan(5)
    expect(model.roots.length).toBeLessThan(defaultTreesSettings.treesMax)
    expect(errorOf(model)).toBeLessThan(0.1)
    expect(errorOf(trainLogistic(train, defaultLogisticSettings))).toBeGreaterThan(0.2)
  })

  it('gives the same model for the same examples', () => {
    const once = trainTrees(train, held, defaultTreesSettings)
    expect(trainTrees(train, held, defaultTreesSettings)).toEqual(once)
  })

  it('finds the weights that the examples were drawn by', () => {
    const random = xoroshiro128plus(5)
    const rows = Float32Array.from({ length: 20_000 }, () => uniformInt(random, -100, 100) / 50)
    const labels = Uint8Array.from({ length: 10_000 }, (_, at) => {
      const margin = 2 * (rows[at * 2] as number) - (rows[at * 2 + 1] as number) - 1
      return uniformInt(random, 0, 1_000_000) / 1_000_000 < 1 / (1 + Math.exp(-margin)) ? 1 : 0
    })
    const { weights, bias } = trainLogistic({ columns: 2, rows, labels }, defaultLogisticSettings)
    expect(weights[0]).toBeCloseTo(2, 0)
    expect(weights[1]).toBeCloseTo(-1, 0)
    expect(bias[0]).toBeCloseTo(-1, 0)
  })

  it.each([0, 1])('of examples that all ended in %i says so, with finite numbers', (label) => {
    const same = { ...train, labels: new Uint8Array(train.labels.length).fill(label) }
    for (const model of [
      trainTrees(same, same, defaultTreesSettings),
      trainLogistic(same, defaultLogisticSettings),
    ]) {
      expect(Math.abs(scoreRow(model, rowOf(test, 0)) - label)).toBeLessThan(0.01)
    }
  })

  it('is calibrated on what was held back: margins that are twice too sure are halved', () => {
    const sure = calibrated(trainTrees(train, held, defaultTreesSettings), { slope: 2, offset: 1 })
    const margins = Float64Array.from(held.labels, (_, at) => marginOf(sure, rowOf(held, at)))
    const found = calibration(margins, held.labels)
    expect(errorOf(calibrated(sure, found))).toBeLessThan(errorOf(sure))
  })
})
