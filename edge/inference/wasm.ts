// A compiled module: workerd refuses to compile bytes.
import ortModule from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import * as ort from 'onnxruntime-web/wasm'
import type {
  FileModel,
  ForecastDeclaration,
  ItemModel,
  TabularModel,
  TextModel,
  TimeOfDayModel,
} from '#shared/model.ts'
import { openOnnx } from '#shared/onnx-session.ts'
import { candidatesFromOutputs, modelInput } from '#shared/session-knn.ts'
import { paddedText } from '#shared/text/read-text.ts'
import { tasteInputs } from '#shared/time-of-day.ts'
import { clock } from '../clock.ts'
import type { ForecastScorer, ItemScorer, RowScorer, TasteScorer, TextScorer } from './scorer.ts'

prepareRuntime()

/**
 * Loads a model that names items into ONNX Runtime's WebAssembly.
 * Throws when it cannot be loaded, or when its inputs and outputs are not those the manifest declares.
 */
export async function wasmItemScorer(model: Uint8Array, declared: ItemModel): Promise<ItemScorer> {
  const session = await open(model, declared)
  const { itemsMax } = declared
  return {
    score: async (items) => {
      const input = modelInput(items, { sessionItemsMax: itemsMax })
      const outputs = await session.run({
        session: new ort.Tensor('int32', input, [input.length]),
      })
      return candidatesFromOutputs(
        outputs.items?.data as Int32Array,
        outputs.scores?.data as Float32Array,
      )
    },
    dispose: () => session.release(),
  }
}

/** Loads a model that scores rows; throws as `wasmItemScorer` does. */
export async function wasmRowScorer(model: Uint8Array, declared: TabularModel): Promise<RowScorer> {
  const session = await open(model, declared)
  return {
    score: async (row) => {
      const outputs = await session.run({
        features: new ort.Tensor('float32', row, [1, row.length]),
      })
      const score = outputs.score?.data[declared.scoreAt] as number | undefined
      if (score === undefined) throw new Error(`the score has no element ${declared.scoreAt}`)
      return score
    },
    dispose: () => session.release(),
  }
}

/** Loads a model of texts; throws as `wasmItemScorer` does. */
export async function wasmTextScorer(model: Uint8Array, declared: TextModel): Promise<TextScorer> {
  const session = await open(model, declared)
  return {
    score: async (text) => {
      const { buckets, words, signs } = paddedText(text)
      const outputs = await session.run({
        buckets: new ort.Tensor('int32', buckets, [buckets.length]),
        words: new ort.Tensor('int32', words, [words.length]),
        signs: new ort.Tensor('int32', signs, [signs.length]),
      })
      return outputs.score?.data[0] as number
    },
    dispose: () => session.release(),
  }
}

/** Loads a model of the time of day; throws as `wasmItemScorer` does. */
export async function wasmTasteScorer(
  model: Uint8Array,
  declared: TimeOfDayModel,
): Promise<TasteScorer> {
  const session = await open(model, declared)
  return {
    score: async (slot, near) => {
      const { candidates, weights } = tasteInputs(near, declared)
      const outputs = await session.run({
        slot: new ort.Tensor('int32', Int32Array.of(slot), [1]),
        candidates: new ort.Tensor('int32', candidates, [candidates.length]),
        weights: new ort.Tensor('float32', weights, [weights.length]),
      })
      return candidatesFromOutputs(
        outputs.items?.data as Int32Array,
        outputs.scores?.data as Float32Array,
      )
    },
    dispose: () => session.release(),
  }
}

/** Loads a forecast of a stream; throws as `wasmItemScorer` does. */
export async function wasmForecastScorer(
  model: Uint8Array,
  declared: ForecastDeclaration,
): Promise<ForecastScorer> {
  const session = await open(model, declared)
  return {
    score: async (window) => {
      const outputs = await session.run({
        window: new ort.Tensor('float32', window, [1, window.length]),
      })
      return outputs.foretold?.data[0] as number
    },
    dispose: () => session.release(),
  }
}

async function open(model: Uint8Array, declared: FileModel): Promise<ort.InferenceSession> {
  const session = await openOnnx(ort.InferenceSession, model, clock)
  try {
    expectSame('inputs', session.inputNames, declared.inputs)
    expectSame('outputs', session.outputNames, declared.outputs)
    return session
  } catch (cause) {
    // Its memory is not garbage: nobody else gives it back.
    await session.release()
    throw cause
  }
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
