import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { describe, expect, it } from 'vitest'
import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { type OwnTabularModel, scoreRow, tabularFromModel } from '#shared/tabular/model.ts'

ort.env.wasm.numThreads = 1

const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
const weights = fc.array(float, { minLength: 1, maxLength: 8 })
const logistic = fc.record({ weights, bias: float }).map(
  ({ weights, bias }): OwnTabularModel => ({
    kind: 'logistic',
    weights: Float32Array.from(weights),
    bias: Float32Array.of(bias),
  }),
)

/** Scores rows as the POP does. */
async function wasmScores(model: OwnTabularModel, rows: readonly Float32Array[]) {
  const session = await ort.InferenceSession.create(buildTabularModel(model))
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
  it('scores like scoreRow, whatever its weights and the row', async () => {
    await fc.assert(
      fc.asyncProperty(
        logistic,
        fc.array(fc.array(float, { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        async (model, drawn) => {
          const rows = drawn.map((row) => Float32Array.from(row.slice(0, model.weights.length)))
          const scores = await wasmScores(model, rows)
          for (const [at, row] of rows.entries()) {
            expect(Math.abs((scores[at] as number) - scoreRow(model, row))).toBeLessThan(1e-6)
          }
        },
      ),
      { numRuns: 40 },
    )
  }, 60_000)
})

describe('tabularFromModel', () => {
  it('gives back the model a file was built from', () => {
    const model = fc.sample(logistic, 1)[0] as OwnTabularModel
    expect(tabularFromModel(buildTabularModel(model))).toEqual(model)
  })

  it('refuses a file that is none of ours', () => {
    const { model } = newModel('other', 16)
    expect(() => tabularFromModel(writeModel(model))).toThrow('not a tabular model of ours')
  })
})
