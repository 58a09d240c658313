import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { examineModel } from '#hub/judging/examine.ts'
import { sessionContract, tabularContract } from '#hub/judging/model-contract.ts'
import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { onnxDataTypes } from '#shared/onnx-model.ts'
import { goodModel, hostileModels, promised } from '#test/support/hostile-models.ts'
import { childrenOf, processorSeconds } from '#test/support/processes.ts'
import { smallRelease } from '#test/support/release.ts'

/** A process for each, on a machine that may be busy; what never ends is ended much earlier. */
const timeMs = 30_000
const examinationMs = 5_000

describe('an examination', () => {
  it.each(hostileModels)(
    'refuses $what: $code',
    async ({ bytes, code }) => {
      const allowedMs = code === 'examination_timed_out' ? examinationMs : timeMs
      const examination = await examineModel(bytes(), sessionContract(promised), allowedMs)
      expect(examination).toMatchObject({ ok: false, refusal: { code } })
      if (!examination.ok) expect(examination.refusal.detail).toMatch(/^[A-Z].* .* .*\.$/)
    },
    timeMs,
  )

  it.skipIf(process.platform === 'win32')(
    'ends with its hub, however busy the model is',
    async () => {
      const hub = fork(new URL('../../support/examination.ts', import.meta.url), { execArgv: [] })
      await once(hub, 'message')
      const examiner = await vi.waitFor(() => {
        const [pid] = childrenOf(hub.pid as number)
        expect(processorSeconds(pid ?? 0)).toBeGreaterThan(1)
        return pid as number
      }, timeMs)
      hub.kill('SIGKILL')
      await vi.waitFor(() => expect(processorSeconds(examiner)).toBeNull(), timeMs)
    },
    timeMs,
  )

  it(
    'takes a model that keeps its promises, and says what it needs',
    async () => {
      const examination = await examineModel(goodModel(), sessionContract(promised))
      expect(examination).toMatchObject({
        ok: true,
        figures: {
          modelBytes: goodModel().length,
          goldenRuns: 16,
          linearMemoryMb: expect.any(Number),
        },
      })
    },
    timeMs,
  )

  it(
    'takes the models that are trained here',
    async () => {
      const { models } = smallRelease({
        sessions: [
          [0, 1, 2],
          [3, 4],
          [0, 1],
        ],
        itemsTotal: 6,
      })
      const contract = sessionContract({ itemsTotal: 6, itemsMax: 5, candidates: 6 })
      const model = models['session-knn'] as Uint8Array
      expect(await examineModel(model, contract)).toMatchObject({ ok: true })
    },
    timeMs,
  )

  it(
    'takes a model that scores a row of features',
    async () => {
      const examination = await examineModel(
        sumOfFeatures(3),
        tabularContract({ featuresTotal: 3, scores: 1 }),
      )
      expect(examination).toMatchObject({ ok: true })
    },
    timeMs,
  )
})

function sumOfFeatures(featuresTotal: number): Uint8Array {
  const { model, graph } = newModel('sum', 16)
  const { float } = onnxDataTypes
  model.inputs.push({ name: 'features', dataType: float, dims: [1, featuresTotal] })
  graph.ops('ReduceSum', ['features', graph.int64(1)], ['score'], { keepdims: 0 })
  model.outputs.push({ name: 'score', dataType: float, dims: [1] })
  return writeModel(model)
}
