import * as ort from 'onnxruntime-web/wasm'
import type { ItemModel, TabularModel, TimeOfDayModel } from '#shared/model.ts'
import { onnxSessionOptions } from '#shared/onnx-session.ts'
import {
  type Candidates,
  candidatesFromOutputs,
  indexFromModel,
  modelInput,
  scoreSession,
} from '#shared/session-knn.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'
import { scoreText, textFromModel } from '#shared/text/model.ts'
import { paddedText, type TextInputs } from '#shared/text/read-text.ts'
import { scoreTaste, tasteFromModel, tasteInputs } from '#shared/time-of-day.ts'

/** Which of the two forms of a model answered at the POP. */
export type Runtime = 'wasm' | 'typescript'

/** What a model says of a session of dense item numbers, oldest first, in the runtime of the POPs. */
export async function runItemModel(
  bytes: Uint8Array,
  declared: ItemModel,
  items: Int32Array,
  runtime: Runtime,
): Promise<Candidates> {
  if (runtime === 'typescript') return scoreSession(indexFromModel(bytes), items)
  const input = modelInput(items, { sessionItemsMax: declared.itemsMax })
  const outputs = await run(bytes, { session: new ort.Tensor('int32', input, [input.length]) })
  return candidatesFromOutputs(
    outputs.items?.data as Int32Array,
    outputs.scores?.data as Float32Array,
  )
}

/** What a tabular model says of a row. */
export async function runTabularModel(
  bytes: Uint8Array,
  declared: TabularModel,
  row: Float32Array,
  runtime: Runtime,
): Promise<number> {
  if (runtime === 'typescript') return ownScorer(bytes)(row)
  const outputs = await run(bytes, { features: new ort.Tensor('float32', row, [1, row.length]) })
  return outputs.score?.data[declared.scoreAt] as number
}

/** What a model of texts says of one of at least a word. */
export async function runTextModel(
  bytes: Uint8Array,
  text: TextInputs,
  runtime: Runtime,
): Promise<number> {
  if (runtime === 'typescript') return scoreText(textFromModel(bytes), text)
  const { buckets, words, signs } = paddedText(text)
  const outputs = await run(bytes, {
    buckets: new ort.Tensor('int32', buckets, [buckets.length]),
    words: new ort.Tensor('int32', words, [words.length]),
    signs: new ort.Tensor('int32', signs, [signs.length]),
  })
  return outputs.score?.data[0] as number
}

/** What a model of the time of day makes of the candidates of a session. */
export async function runTimeOfDayModel(
  bytes: Uint8Array,
  declared: TimeOfDayModel,
  slot: number,
  near: Candidates,
  runtime: Runtime,
): Promise<Candidates> {
  if (runtime === 'typescript') return scoreTaste(tasteFromModel(bytes), slot, near)
  const { candidates, weights } = tasteInputs(near, declared)
  const outputs = await run(bytes, {
    slot: new ort.Tensor('int32', Int32Array.of(slot), [1]),
    candidates: new ort.Tensor('int32', candidates, [candidates.length]),
    weights: new ort.Tensor('float32', weights, [weights.length]),
  })
  return candidatesFromOutputs(
    outputs.items?.data as Int32Array,
    outputs.scores?.data as Float32Array,
  )
}

async function run(bytes: Uint8Array, inputs: Record<string, ort.Tensor>) {
  ort.env.wasm.numThreads = 1
  const session = await ort.InferenceSession.create(bytes, onnxSessionOptions)
  try {
    return await session.run(inputs)
  } finally {
    await session.release()
  }
}
