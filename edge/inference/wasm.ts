// A compiled module: workerd refuses to compile bytes.
import ortModule from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import * as ort from 'onnxruntime-web/wasm'
import type { Manifest } from '#shared/release.ts'
import { type Candidates, candidatesFromOutputs, modelInput } from '#shared/session-knn.ts'
import type { Scorer } from './scorer.ts'

prepareRuntime()

/**
 * Loads a session-kNN model into ONNX Runtime's WebAssembly.
 * Throws when it cannot be loaded, or when its inputs and outputs are not those the manifest declares.
 */
export async function wasmScorer(model: Uint8Array, declared: Manifest['model']): Promise<Scorer> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    // WebAssembly memory never shrinks: both keep a swap of two models within an isolate's 128 MB.
    enableCpuMemArena: false,
    extra: { session: { disable_prepacking: '1' } },
  })
  expectSame('inputs', session.inputNames, declared.inputs)
  expectSame('outputs', session.outputNames, declared.outputs)
  return {
    score: async (items) => scoreWith(session, items, declared.itemsMax),
    dispose: () => session.release(),
  }
}

async function scoreWith(
  session: ort.InferenceSession,
  items: Int32Array,
  itemsMax: number,
): Promise<Candidates> {
  const input = modelInput(items, { sessionItemsMax: itemsMax })
  const tensor = new ort.Tensor('int32', input, [input.length])
  const outputs = await session.run({ session: tensor })
  return candidatesFromOutputs(
    (outputs.items as ort.Tensor).data as never,
    (outputs.scores as ort.Tensor).data as never,
  )
}

function expectSame(what: string, found: readonly string[], declared: readonly string[]): void {
  if ([...found].sort().join() === [...declared].sort().join()) return
  throw new Error(
    `the model's ${what} are ${found.join(', ')}, declared are ${declared.join(', ')}`,
  )
}

/**
 * Gives ONNX Runtime the module that came with the bundle: it asks for bytes or an address, and a
 * worker has neither. The bytes it is told of are never read.
 */
function prepareRuntime(): void {
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmBinary = new ArrayBuffer(8)
  const instantiate = WebAssembly.instantiate.bind(WebAssembly)
  WebAssembly.instantiate = (async (source: unknown, imports?: WebAssembly.Imports) => {
    if (source instanceof WebAssembly.Module) return instantiate(source, imports)
    return { module: ortModule, instance: await instantiate(ortModule, imports) }
  }) as typeof WebAssembly.instantiate
}
