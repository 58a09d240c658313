import { weightsOutside } from './onnx-weights.ts'

const location = 'weights'

const options = {
  executionProviders: ['wasm'],
  graphOptimizationLevel: 'all',
  // WebAssembly memory never shrinks: both keep a swap of two releases within an isolate's 128 MB.
  enableCpuMemArena: false,
  extra: { session: { disable_prepacking: '1' } },
} as const

/** `InferenceSession` of onnxruntime-web. */
interface Runtime<Session> {
  create(
    graph: Uint8Array,
    options: SessionOptions & {
      readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[]
    },
  ): Promise<Session>
}
type SessionOptions = typeof options

let last: Promise<unknown> = Promise.resolve()

/**
 * Opens a model in ONNX Runtime's WebAssembly, the one way wherever it runs, at a POP, before a judge, in a replay:
 * another order of sums could be another last bit. The runtime reads the weights where they lie in `model`; handed over
 * in one piece they would be in linear memory three times before the session has them once. Throws where it cannot.
 */
export async function openOnnx<Session>(
  runtime: Runtime<Session>,
  model: Uint8Array,
): Promise<Session> {
  const graph = weightsOutside(model, location)
  const externalData = [{ path: location, data: model }]
  // One at a time: where a runtime looks for weights is one place for all sessions, and emptied after each.
  const opened = last.then(() => runtime.create(graph, { ...options, externalData }))
  last = opened.catch(() => {})
  return opened
}
