import * as ort from 'onnxruntime-web/wasm'
import { expect, it } from 'vitest'
import { boundLinearMemory } from '#hub/judging/linear-memory.ts'
import { openModel } from '#hub/open-model.ts'
import { limits } from '#shared/limits.ts'
import { OpeningTookTooLong, openOnnx } from '#shared/onnx-session.ts'
import { manualClock } from '#test/support/manual-clock.ts'
import { largeModel } from '../bench/quality/large-model.ts'

// Past it the runtime fails. A POP has 128 MB for everything; read as one file, three such models took 66 of them.
boundLinearMemory(40)
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

const small = (seed: number) => largeModel(seed, 500).bytes

async function scoresOf(session: ort.InferenceSession) {
  const outputs = await session.run({
    session: new ort.Tensor('int32', Int32Array.of(3, 5, 7, -1, -1)),
  })
  return [outputs.items?.data, outputs.scores?.data]
}

it('answers to the bit what the same file answers that is read in one piece', async () => {
  const model = small(1)
  const whole = await scoresOf(await ort.InferenceSession.create(model))
  const inLarger = new Uint8Array(model.length + 8)
  inLarger.set(model, 3)
  const within = inLarger.subarray(3, 3 + model.length)
  expect(await scoresOf(await openModel(within))).toEqual(whole)
})

it('opens models that come at once each with its own weights', async () => {
  const models = [1, 2, 3].map(small)
  const alone = []
  for (const model of models) alone.push(await scoresOf(await openModel(model)))
  const atOnce = await Promise.all(models.map(openModel))
  expect(await Promise.all(atOnce.map(scoresOf))).toEqual(alone)
})

it('opens the next after one that is cut off', async () => {
  const model = small(1)
  const [cut, good] = [openModel(model.subarray(0, model.length >> 1)), openModel(model)]
  await expect(cut).rejects.toThrow()
  await expect(good).resolves.toBeDefined()
})

it('gives up one that never opens, goes on with the next, and lets it go where it opens after all', async () => {
  const clock = manualClock()
  const model = small(1)
  const begun = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<{ release: () => Promise<void> }>()
  const released = Promise.withResolvers<string>()
  const create = () => {
    begun.resolve()
    return opened.promise
  }
  const stuck = openOnnx({ create }, model, clock)
  const next = openOnnx(ort.InferenceSession, model, clock)
  await begun.promise
  clock.pass(limits.modelOpenMsMax)
  await expect(stuck).rejects.toThrow(OpeningTookTooLong)
  await expect(next).resolves.toBeDefined()
  opened.resolve({ release: async () => released.resolve('released') })
  expect(await released.promise).toBe('released')
})

it('goes on without one whose request was cancelled while it waited', async () => {
  const [cancelled, clock] = [manualClock(), manualClock()]
  const never = new Promise<never>(() => {})
  // Of a request that is gone neither work nor timer goes on.
  void openOnnx({ create: () => never }, small(1), cancelled)
  const next = openOnnx(ort.InferenceSession, small(1), clock)
  clock.pass(limits.modelOpenMsMax)
  await expect(next).resolves.toBeDefined()
})

it('keeps two of the largest models in 40 MB of linear memory while a third comes for the first', async () => {
  const held: ort.InferenceSession[] = []
  for (let seed = 1; seed <= 6; seed++) {
    if (held.length === 2) await held.shift()?.release()
    held.push(await openModel(largeModel(seed).bytes))
  }
  for (const session of held) await expect(scoresOf(session)).resolves.toBeDefined()
})
