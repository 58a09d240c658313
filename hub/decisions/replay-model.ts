import * as ort from 'onnxruntime-web/wasm'
import type { ItemModel, TabularModel, TimeOfDayModel } from '#shared/model.ts'
import {
  type Candidates,
  candidatesFromOutputs,
  indexFromModel,
  modelInput,
  type SessionKnnIndex,
  scoreSession,
} from '#shared/session-knn.ts'
import { forecastFromModel, foretell } from '#shared/stream/forecast.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'
import { scoreText, textFromModel } from '#shared/text/model.ts'
import { paddedText, type TextInputs } from '#shared/text/read-text.ts'
import { scoreTaste, tasteFromModel, tasteInputs } from '#shared/time-of-day.ts'
import { openModel } from '../open-model.ts'

/** Which of the two forms of a model answered at the POP. */
export type Runtime = 'wasm' | 'typescript'

/** The models of a release, each loaded when it is first asked; in the runtime of the POPs, or in TypeScript. */
export class ReplayedModels {
  readonly #files: Readonly<Record<string, Uint8Array>>
  readonly #sessions = new Map<string, ort.InferenceSession>()
  readonly #indexes = new Map<string, SessionKnnIndex>()

  constructor(files: Readonly<Record<string, Uint8Array>>) {
    this.#files = files
  }

  /** What a model says of a session of dense item numbers, oldest first. */
  async ofSession(
    name: string,
    { itemsMax }: ItemModel,
    items: Int32Array,
    runtime: Runtime,
  ): Promise<Candidates> {
    if (runtime === 'typescript') return scoreSession(this.#index(name), items)
    const input = modelInput(items, { sessionItemsMax: itemsMax })
    return candidatesOf(
      await this.#run(name, { session: new ort.Tensor('int32', input, [input.length]) }),
    )
  }

  /** What a tabular model says of a row. */
  async score(
    name: string,
    { scoreAt }: TabularModel,
    row: Float32Array,
    runtime: Runtime,
  ): Promise<number> {
    if (runtime === 'typescript') return ownScorer(this.#file(name))(row)
    const features = new ort.Tensor('float32', row, [1, row.length])
    return (await this.#run(name, { features })).score?.data[scoreAt] as number
  }

  /** What a model of texts says of one of at least a word. */
  async ofText(name: string, text: TextInputs, runtime: Runtime): Promise<number> {
    if (runtime === 'typescript') return scoreText(textFromModel(this.#file(name)), text)
    const { buckets, words, signs } = paddedText(text)
    const outputs = await this.#run(name, {
      buckets: new ort.Tensor('int32', buckets, [buckets.length]),
      words: new ort.Tensor('int32', words, [words.length]),
      signs: new ort.Tensor('int32', signs, [signs.length]),
    })
    return outputs.score?.data[0] as number
  }

  /** What a forecast of a stream foretells of what comes after a window. */
  async ofStream(name: string, window: Float32Array, runtime: Runtime): Promise<number> {
    if (runtime === 'typescript') return foretell(forecastFromModel(this.#file(name)), window)
    const outputs = await this.#run(name, {
      window: new ort.Tensor('float32', window, [1, window.length]),
    })
    return outputs.foretold?.data[0] as number
  }

  /** What a model of the time of day makes of the candidates of a session. */
  async ofTime(
    name: string,
    declared: TimeOfDayModel,
    slot: number,
    near: Candidates,
    runtime: Runtime,
  ): Promise<Candidates> {
    if (runtime === 'typescript') return scoreTaste(tasteFromModel(this.#file(name)), slot, near)
    const { candidates, weights } = tasteInputs(near, declared)
    const outputs = await this.#run(name, {
      slot: new ort.Tensor('int32', Int32Array.of(slot), [1]),
      candidates: new ort.Tensor('int32', candidates, [candidates.length]),
      weights: new ort.Tensor('float32', weights, [weights.length]),
    })
    return candidatesOf(outputs)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release()
    this.#sessions.clear()
  }

  async #run(name: string, inputs: Record<string, ort.Tensor>) {
    ort.env.wasm.numThreads = 1
    const session = this.#sessions.get(name) ?? (await openModel(this.#file(name)))
    this.#sessions.set(name, session)
    return session.run(inputs)
  }

  #index(name: string): SessionKnnIndex {
    const index = this.#indexes.get(name) ?? indexFromModel(this.#file(name))
    this.#indexes.set(name, index)
    return index
  }

  #file(name: string): Uint8Array {
    const file = this.#files[name]
    if (file === undefined) throw new Error(`the release has no file of ${name}`)
    return file
  }
}

function candidatesOf(outputs: ort.InferenceSession.OnnxValueMapType): Candidates {
  return candidatesFromOutputs(
    outputs.items?.data as Int32Array,
    outputs.scores?.data as Float32Array,
  )
}
