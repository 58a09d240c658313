import * as ort from 'onnxruntime-web/wasm'
import { forecastFromModel, foretell } from '#shared/stream/forecast.ts'
import { openModel } from '../../open-model.ts'

/**
 * Runs a forecast in the runtime the POPs use and holds it against the TypeScript scorer. Throws with the first window on
 * which the two differ in a bit: such a model is not released.
 */
export async function checkForecast(
  bytes: Uint8Array,
  windows: readonly Float32Array[],
): Promise<void> {
  ort.env.wasm.numThreads = 1
  const model = forecastFromModel(bytes)
  const runtime = await openModel(bytes)
  try {
    for (const window of windows) {
      const input = new ort.Tensor('float32', window, [1, window.length])
      const { foretold } = await runtime.run({ window: input })
      if (foretold?.data[0] === foretell(model, window)) continue
      throw new Error(`ONNX and TypeScript disagree on the window ${[...window].join(', ')}`)
    }
  } finally {
    await runtime.release()
  }
}
