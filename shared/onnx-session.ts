import { limits } from './limits.ts'
import { type Clock, OneAtATime } from './one-at-a-time.ts'
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

const opening = new OneAtATime(limits.modelOpenMsMax)

/** Says nothing of the model: the runtime did not answer, and may another time. */
export class OpeningTookTooLong extends Error {
  override readonly name = 'OpeningTookTooLong'

  constructor() {
    super(`the runtime has not opened it in ${limits.modelOpenMsMax / 1_000} s`)
  }
}

/**
 * Opens a model in ONNX Runtime's WebAssembly, the one way wherever it runs, at a POP, before a judge, in a replay:
 * another order of sums could be another last bit. The runtime reads the weights where they lie in `model`; handed over
 * in one piece they would be in linear memory three times before the session has them once. Throws where it cannot,
 * and OpeningTookTooLong after `modelOpenMsMax`.
 */
export async function openOnnx<Session extends { readonly release: () => Promise<void> }>(
  runtime: Runtime<Session>,
  model: Uint8Array,
  clock: Clock,
): Promise<Session> {
  const graph = weightsOutside(model, location)
  const externalData = [{ path: location, data: model }]
  // One at a time: where a runtime looks for weights is one place for all sessions, and emptied after each.
  return opening.run(clock, async () => {
    const created = runtime.create(graph, { ...options, externalData })
    const session = await Promise.race([created, clock.wait(limits.modelOpenMsMax)])
    if (session) return session
    // Memory of the runtime is not garbage: of one that is opened after all nobody else gives it back.
    created.then((late) => late.release()).catch(() => {})
    throw new OpeningTookTooLong()
  })
}
