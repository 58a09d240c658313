import * as ort from 'onnxruntime-web/wasm'
import { bestPrice, type DemandModel, expectedRevenue } from '#shared/tabular/demand.ts'
import { openModel } from '../../open-model.ts'

/** In shares of the base, as prices are. */
const revenueDifferenceMax = 1e-5
const rowsChecked = 100

/**
 * Runs a model of demand in the runtime the POPs use and holds it against TypeScript on the newest rows, without their
 * prices. Of prices that are expected to bring the same either may be named. Throws with the first row on which they differ.
 */
export async function checkDemandModel(
  bytes: Uint8Array,
  model: DemandModel,
  rows: Float32Array,
): Promise<void> {
  ort.env.wasm.numThreads = 1
  const columns = model.weights.length
  const runtime = await openModel(bytes)
  try {
    const first = Math.max(0, rows.length - rowsChecked * columns)
    for (let at = first; at < rows.length; at += columns) {
      const row = rows.slice(at, at + columns)
      const outputs = await runtime.run({ features: new ort.Tensor('float32', row, [1, columns]) })
      const told = outputs.score?.data[0] as number
      const most = expectedRevenue(model, row, bestPrice(model, row))
      const isOfGrid = model.prices.includes(told)
      if (isOfGrid && most - expectedRevenue(model, row, told) <= revenueDifferenceMax) continue
      throw new Error(`ONNX and TypeScript disagree on the row ${[...row].join(', ')}`)
    }
  } finally {
    await runtime.release()
  }
}
