import { Worker } from 'node:worker_threads'
import { endWithHub } from '../end-with-hub.ts'
import { examinationBounds } from './bounds.ts'
import { checkFile } from './check-file.ts'
import { boundLinearMemory } from './linear-memory.ts'
import type { ModelContract } from './model-contract.ts'
import type { ModelRefusal } from './refusal.ts'
import { recommendedItems, runModel } from './run-model.ts'

/** What the examiner is asked: whether a model is to be taken, or what one that is recommends for windows of items. */
export type Order =
  | { readonly what: 'examine'; readonly model: Uint8Array; readonly contract: ModelContract }
  | {
      readonly what: 'predict'
      readonly model: Uint8Array
      readonly windows: readonly Int32Array[]
    }

/** How a model was found, or why it is not taken. */
export type Examination =
  | {
      readonly ok: true
      readonly figures: {
        readonly modelBytes: number
        readonly inferenceMs: number
        readonly goldenRuns: number
        readonly linearMemoryMb: number
      }
    }
  | { readonly ok: false; readonly refusal: ModelRefusal }

const memory = boundLinearMemory(examinationBounds.linearMemoryMbMax)

async function examine(model: Uint8Array, contract: ModelContract): Promise<Examination> {
  const wrong = checkFile(model, contract)
  if (wrong) return { ok: false, refusal: wrong }
  const found = await runModel(model, contract, () => performance.now())
  if ('code' in found) return { ok: false, refusal: found }
  return {
    ok: true,
    figures: { modelBytes: model.length, ...found, linearMemoryMb: memory.megabytes() },
  }
}

endWithHub()
new Worker(new URL('./watch-hub.ts', import.meta.url), { argv: process.argv.slice(2) }).unref()

/** One order a process: whatever a model does to it ends with it. */
process.once('message', async (order: Order) => {
  const { what, model } = order
  const answer =
    what === 'examine'
      ? await examine(model, order.contract)
      : await recommendedItems(model, order.windows)
  process.send?.(answer, () => process.exit(0))
})
