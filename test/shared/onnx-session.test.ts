import * as ort from 'onnxruntime-web/wasm'
import { expect, it } from 'vitest'
import { boundLinearMemory } from '#hub/judging/linear-memory.ts'
import { openOnnx } from '#shared/onnx-session.ts'
import { largeModel } from '../bench/quality/large-model.ts'

// Past it the runtime fails. A POP has 128 MB for everything; read as one file, three such models took 66 of them.
boundLinearMemory(40)
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

const open = (model: Uint8Array) => openOnnx(ort.InferenceSession, model)
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
  expect(await scoresOf(await open(within))).toEqual(whole)
})

it('opens models that come at once each with its own weights', async () => {
  const models = [1, 2, 3].map(small)
  const alone = []
  for (const model of models) alone.push(await scoresOf(await open(model)))
  const atOnce = await Promise.all(models.map(open))
  expect(await Promise.all(atOnce.map(scoresOf))).toEqual(alone)
})

it('opens the next after one that is cut off', async () => {
  const model = small(1)
  const [cut, good] = [open(model.subarray(0, model.length >> 1)), open(model)]
  await expect(cut).rejects.toThrow()
  await expect(good).resolves.toBeDefined()
})

it('keeps two of the largest models in 40 MB of linear memory while a third comes for the first', async () => {
  const held: ort.InferenceSession[] = []
  for (let seed = 1; seed <= 6; seed++) {
    if (held.length === 2) await held.shift()?.release()
    held.push(await open(largeModel(seed).bytes))
  }
  for (const session of held) await expect(scoresOf(session)).resolves.toBeDefined()
})
