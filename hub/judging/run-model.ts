import * as ort from 'onnxruntime-web/wasm'
import { candidatesFromOutputs } from '#shared/session-knn.ts'
import { openModel } from '../open-model.ts'
import { examinationBounds } from './bounds.ts'
import type { ModelContract, TensorContract } from './model-contract.ts'
import { type ModelRefusal, refuse } from './refusal.ts'

/** How a model behaved that did what it promised. */
export interface Behaviour {
  readonly inferenceMs: number
  readonly goldenRuns: number
}

/** Items by their numbers, best first, for each window of a session. Throws where the model fails. */
export async function recommendedItems(
  model: Uint8Array,
  windows: readonly Int32Array[],
): Promise<Int32Array[]> {
  ort.env.wasm.numThreads = 1
  const session = await openModel(model)
  const recommended: Int32Array[] = []
  for (const window of windows) {
    const outputs = await session.run({ session: new ort.Tensor('int32', window, [window.length]) })
    const items = numbersOf(outputs.items)
    recommended.push(candidatesFromOutputs(items, numbersOf(outputs.scores)).items)
  }
  return recommended
}

type Outputs = Readonly<Record<string, ort.Tensor>>
type Ran =
  | { readonly outputs: readonly Outputs[]; readonly tookMs: readonly number[] }
  | { readonly refusal: ModelRefusal }

/**
 * Runs a model in the POPs' own runtime on its golden inputs: twice, the second time loaded anew. Only in a
 * process that may be killed: it may never return.
 */
export async function runModel(
  model: Uint8Array,
  contract: ModelContract,
  stopwatch: () => number,
): Promise<Behaviour | ModelRefusal> {
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const first = await runGolden(model, contract, stopwatch)
  if ('refusal' in first) return first.refusal
  for (const outputs of first.outputs) {
    const refusal = checkOutputs(outputs, contract)
    if (refusal) return refusal
  }
  const second = await runGolden(model, contract, stopwatch)
  if ('refusal' in second) return second.refusal
  const isRepeated = first.outputs.every((outputs, at) => isSame(outputs, second.outputs[at] ?? {}))
  if (!isRepeated) {
    return refuse(
      'output_not_repeatable',
      'The model answers the same input differently the second time.',
    )
  }
  // The first time the engine was still compiling; it does not count.
  return checkTime(second.tookMs)
}

async function runGolden(
  model: Uint8Array,
  contract: ModelContract,
  stopwatch: () => number,
): Promise<Ran> {
  const session = await load(model)
  if ('code' in session) return { refusal: session }
  const outputs: Outputs[] = []
  const tookMs: number[] = []
  try {
    for (const input of contract.golden) {
      const startedAt = stopwatch()
      const ran = await run(session, input, contract)
      tookMs.push(stopwatch() - startedAt)
      outputs.push(copied(ran))
    }
  } catch (cause) {
    return { refusal: notRun(cause) }
  } finally {
    await session.release()
  }
  return { outputs, tookMs }
}

async function load(model: Uint8Array): Promise<ort.InferenceSession | ModelRefusal> {
  try {
    return await openModel(model)
  } catch (cause) {
    const memory = memoryRefusal(cause)
    return memory ?? refuse('model_unloadable', `The model cannot be loaded: ${sentence(cause)}.`)
  }
}

function run(session: ort.InferenceSession, input: Int32Array | Float32Array, of: ModelContract) {
  const { name, type, dims } = of.input
  return session.run({ [name]: new ort.Tensor(type, input as never, [...dims]) })
}

function notRun(cause: unknown): ModelRefusal {
  const memory = memoryRefusal(cause)
  return memory ?? refuse('model_does_not_run', `The model fails when it runs: ${sentence(cause)}.`)
}

// A runtime without memory throws bad_alloc, or ends itself: its message is all that tells.
const memoryErrors = /bad_alloc|enlarge memory|allocat|out of memory|memory access|Aborted/i

function memoryRefusal(cause: unknown): ModelRefusal | null {
  if (!memoryErrors.test(String(cause))) return null
  return refuse(
    'model_needs_too_much_memory',
    `The model needs more than the ${examinationBounds.linearMemoryMbMax} MB it may have: ${sentence(cause)}.`,
  )
}

function checkOutputs(outputs: Outputs, contract: ModelContract): ModelRefusal | null {
  for (const wanted of contract.outputs) {
    const found = outputs[wanted.name]
    if (!found || found.type !== wanted.type || found.dims.join() !== wanted.dims.join()) {
      const is = found ? `${found.type}[${found.dims.join(', ')}]` : 'missing'
      return refuse('output_shape_differs', `The output ${shown(wanted)} is ${is} when it runs.`)
    }
    const bad = numbersOf(found).find((value) => !Number.isFinite(value))
    if (bad !== undefined) {
      return refuse('output_not_finite', `The output ${shown(wanted)} holds ${bad}.`)
    }
  }
  return checkRange(outputs, contract) ?? checkOrder(outputs, contract)
}

function checkRange(outputs: Outputs, { range }: ModelContract): ModelRefusal | null {
  if (!range) return null
  const { output, min, below } = range
  const bad = numbersOf(outputs[output]).find((value) => value < min || value >= below)
  if (bad === undefined) return null
  return refuse(
    'output_out_of_range',
    `The output "${output}" names item ${bad}; the items are ${min} to ${below - 1}.`,
  )
}

function checkOrder(outputs: Outputs, { descending }: ModelContract): ModelRefusal | null {
  if (descending === null) return null
  const values = numbersOf(outputs[descending])
  const at = values.findIndex((value, place) => value > (values[place - 1] ?? value))
  if (at === -1) return null
  return refuse(
    'output_out_of_range',
    `The output "${descending}" rises from place ${at - 1} to ${at}; the best has to come first.`,
  )
}

function checkTime(tookMs: readonly number[]): Behaviour | ModelRefusal {
  // Of the fastest run: how busy this machine is must not decide.
  const inferenceMs = Math.min(...tookMs)
  const { inferenceMsMax } = examinationBounds
  if (inferenceMs <= inferenceMsMax) return { inferenceMs, goldenRuns: tookMs.length }
  return refuse(
    'model_too_slow',
    `One run takes ${inferenceMs.toFixed(1)} ms at its fastest, ${inferenceMsMax} ms are allowed.`,
  )
}

/** A released session takes its outputs with it. */
function copied(outputs: Outputs): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { type, data, dims }]) => [
      name,
      new ort.Tensor(type as never, (data as Float32Array).slice() as never, dims),
    ]),
  )
}

/** The same to the bit: NaN has been refused before. */
function isSame(one: Outputs, other: Outputs): boolean {
  return Object.entries(one).every(([name, tensor]) => {
    const values = numbersOf(other[name])
    const own = numbersOf(tensor)
    return own.length === values.length && own.every((value, at) => Object.is(value, values[at]))
  })
}

function numbersOf(tensor: ort.Tensor | undefined): number[] {
  return tensor ? Array.from(tensor.data as ArrayLike<number>, Number) : []
}

function shown({ name, type, dims }: TensorContract): string {
  return `"${name}" ${type}[${dims.join(', ')}]`
}

/** What a runtime says may be long, and of more lines than one. */
function sentence(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.replaceAll(/\s+/g, ' ').replace(/\.$/, '').slice(0, 300)
}
