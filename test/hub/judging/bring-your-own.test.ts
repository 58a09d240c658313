import * as ort from 'onnxruntime-web/wasm'
import { describe, expect, it } from 'vitest'
import { contractOf } from '#hub/judging/declaration.ts'
import { examineModel, predictInProcess } from '#hub/judging/examine.ts'
import { exampleModel } from '#test/support/bring-your-own/example.ts'

const timeMs = 60_000

describe('a model brought along', () => {
  it.each(['gru', 'trees', 'embedding'] as const)(
    'is taken: %s',
    async (name) => {
      const { model, declared } = exampleModel(name)
      expect(await examineModel(model, contractOf(declared))).toMatchObject({ ok: true })
    },
    timeMs,
  )

  it(
    'a GRU of PyTorch knows what follows in each chain',
    async () => {
      const { model } = exampleModel('gru')
      const [afterA, afterAb] = await predictInProcess(model, [
        Int32Array.of(3, -1, -1, -1, -1),
        Int32Array.of(4, 3, -1, -1, -1),
      ])
      expect([afterA?.[0], afterAb?.[0]]).toEqual([4, 5])
    },
    timeMs,
  )

  it(
    'an embedding of scikit-learn names the other items of the same sessions first',
    async () => {
      const { model } = exampleModel('embedding')
      const [near] = await predictInProcess(model, [Int32Array.of(6, -1, -1, -1, -1)])
      expect([...(near ?? [])].slice(0, 2).sort()).toEqual([7, 8])
      expect(near).not.toContain(6)
    },
    timeMs,
  )

  it(
    'boosted trees of scikit-learn, lowered to plain operators, say what they said there',
    async () => {
      ort.env.wasm.numThreads = 1
      const session = await ort.InferenceSession.create(exampleModel('trees').model)
      const rows = [
        [0, 0, 9],
        [3, 1, 20],
        [18, 0, 9],
        [3, 2, 10],
      ]
      const scores: number[] = []
      for (const row of rows) {
        const features = new ort.Tensor('float32', Float32Array.from(row), [1, 3])
        scores.push(Number((await session.run({ features })).score?.data[0]))
      }
      await session.release()
      // What export_trees.py printed.
      for (const [at, expected] of [0.047478, 0.917293, 0.917293, 0.047478].entries()) {
        expect(scores[at]).toBeCloseTo(expected, 4)
      }
    },
    timeMs,
  )
})
