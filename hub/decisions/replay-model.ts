import * as ort from 'onnxruntime-web/wasm'
import type { ScoredItem } from '#shared/decide.ts'
import type { ItemModel, TabularModel } from '#shared/model.ts'
import {
  type Candidates,
  candidatesFromOutputs,
  indexFromModel,
  modelInput,
  scoreSession,
} from '#shared/session-knn.ts'
import { scoreRow, tabularFromModel } from '#shared/tabular/model.ts'

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
  if (runtime === 'typescript') return scoreRow(tabularFromModel(bytes), row)
  const outputs = await run(bytes, { features: new ort.Tensor('float32', row, [1, row.length]) })
  return outputs.score?.data[declared.scoreAt] as number
}

/** Candidates by their ids, as a POP has them. */
export function namedItems(candidates: Candidates, itemIds: readonly string[]): ScoredItem[] {
  return Array.from(candidates.items, (number, index) => ({
    id: itemIds[number] as string,
    score: candidates.scores[index] as number,
  })).filter(({ id, score }) => id !== undefined && Number.isFinite(score))
}

/** With the options of the POPs: another order of sums could be another last bit. */
async function run(bytes: Uint8Array, inputs: Record<string, ort.Tensor>) {
  ort.env.wasm.numThreads = 1
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    enableCpuMemArena: false,
    extra: { session: { disable_prepacking: '1' } },
  })
  try {
    return await session.run(inputs)
  } finally {
    await session.release()
  }
}
