import * as ort from 'onnxruntime-web/wasm'
import { quantile } from 'simple-statistics'
import { openModel } from '#hub/open-model.ts'
import { modelInput, type SessionKnnIndex, scoreSession } from '#shared/session-knn.ts'

// One pass to let the engine compile and the garbage of the training go; then the measured ones.
const passes = { warmUp: 1, measured: 5 }

/** Times one session after the other, in milliseconds: the ONNX model in WASM, and plain TypeScript. */
export async function measureLatencies(
  modelBytes: Uint8Array,
  index: SessionKnnIndex,
  sessions: Int32Array[],
): Promise<Record<string, number>> {
  ort.env.wasm.numThreads = 1
  const model = await openModel(modelBytes)
  const wasm = await timesOf(sessions, async (session) => {
    const window = modelInput(session, index.settings)
    await model.run({ session: new ort.Tensor('int32', window, [window.length]) })
  })
  const plain = await timesOf(sessions, async (session) => {
    scoreSession(index, session)
  })
  await model.release()
  return { ...percentiles('wasm', wasm), ...percentiles('typescript', plain) }
}

async function timesOf(sessions: Int32Array[], run: (session: Int32Array) => Promise<void>) {
  const timesMs: number[] = []
  for (let pass = 0; pass < passes.warmUp + passes.measured; pass++) {
    for (const session of sessions) {
      const started = performance.now()
      await run(session)
      if (pass >= passes.warmUp) timesMs.push(performance.now() - started)
    }
  }
  return timesMs
}

function percentiles(name: string, timesMs: number[]): Record<string, number> {
  return {
    [`${name}/p50Ms`]: quantile(timesMs, 0.5),
    [`${name}/p99Ms`]: quantile(timesMs, 0.99),
    [`${name}/maxMs`]: Math.max(...timesMs),
  }
}
