import { setTimeout as wait } from 'node:timers/promises'
import * as ort from 'onnxruntime-web/wasm'
import { openOnnx } from '#shared/onnx-session.ts'

const clock = {
  now: () => Date.now(),
  // Nobody stays up for it: most models are open long before.
  wait: (ms: number) => wait(ms, undefined, { ref: false }),
}

/** Opens a model in the runtime of the POPs; throws as `openOnnx` does. */
export function openModel(model: Uint8Array): Promise<ort.InferenceSession> {
  return openOnnx(ort.InferenceSession, model, clock)
}
