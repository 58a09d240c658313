import * as ort from 'onnxruntime-web/wasm'
import { rowOf } from '#models/tabular/examples.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'
import { isSegmentsModel } from '#shared/tabular/segments.ts'
import { openModel } from '../../open-model.ts'
import type { LearnedRows } from './sample-rows.ts'

const scoreDifferenceMax = 1e-5
const rowsChecked = 100

/**
 * Runs a model in the runtime the POPs use and holds it against the TypeScript scorer on the newest rows. Throws with
 * the first on which the two differ: such a model is not released.
 */
export async function checkTabularModel(bytes: Uint8Array, rows: LearnedRows): Promise<void> {
  ort.env.wasm.numThreads = 1
  const score = ownScorer(bytes)
  let differing = 0
  const runtime = await openModel(bytes)
  try {
    const total = rows.labels.length
    for (let at = Math.max(0, total - rowsChecked); at < total; at++) {
      const row = Float32Array.from(rowOf(rows, at))
      const outputs = await runtime.run({
        features: new ort.Tensor('float32', row, [1, row.length]),
      })
      const difference = Math.abs((outputs.score?.data[0] as number) - score(row))
      // A row between two segments may fall to either.
      if (difference > scoreDifferenceMax) differing++
      if (differing <= (isSegmentsModel(bytes) ? 1 : 0)) continue
      throw new Error(`ONNX and TypeScript disagree on the row ${[...row].join(', ')}`)
    }
  } finally {
    await runtime.release()
  }
}
