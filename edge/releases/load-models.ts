import type { Fallback } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type {
  ForecastDeclaration,
  ItemModel,
  Model,
  TabularModel,
  TextModel,
  TimeOfDayModel,
} from '#shared/model.ts'
import { namedItems } from '#shared/named-items.ts'
import type { ReleaseParts } from '#shared/release.ts'
import type { Candidates } from '#shared/session-knn.ts'
import { windowColumns } from '#shared/stream/forecast.ts'
import { columnsOf, type Feature } from '#shared/tabular/feature.ts'
import { encodeFeatures, type FeatureValues } from '#shared/tabular/read-features.ts'
import { readText, type TextInputs } from '#shared/text/read-text.ts'
import { slotOf } from '#shared/time-of-day.ts'
import type { ItemScorer, TasteScorer } from '../inference/scorer.ts'
import {
  typescriptForecastScorer,
  typescriptItemScorer,
  typescriptRowScorer,
  typescriptTasteScorer,
  typescriptTextScorer,
} from '../inference/typescript.ts'
import {
  wasmForecastScorer,
  wasmItemScorer,
  wasmRowScorer,
  wasmTasteScorer,
  wasmTextScorer,
} from '../inference/wasm.ts'
import { log, reasonOf } from '../log.ts'

type ModelFallback = Extract<Fallback, 'scorer_typescript' | 'model_failed'>

export interface ScoredItems {
  readonly candidates: readonly ScoredItem[]
  readonly fallback: ModelFallback | null
}

export interface ScoredRow {
  /** Finite; null where the model failed. */
  readonly score: number | null
  readonly fallback: ModelFallback | null
}

/** A model ready to answer. It never throws: what fails is a fallback. */
export type LoadedModel =
  | {
      readonly answers: 'items'
      readonly itemsMax: number
      score(items: Int32Array): Promise<ScoredItems>
      dispose(): Promise<void>
    }
  | {
      readonly answers: 'score'
      readonly features: readonly Feature[]
      /** Where the score is the number of a segment. */
      readonly segmentNames: readonly string[] | undefined
      score(values: FeatureValues): Promise<ScoredRow>
      dispose(): Promise<void>
    }
  | {
      readonly answers: 'score-of-text'
      /** Of a text of at least a word. */
      score(text: TextInputs): Promise<ScoredRow>
      dispose(): Promise<void>
    }
  | {
      readonly answers: 'items-of-time'
      readonly features: readonly Feature[]
      /** The model whose candidates it weighs. */
      readonly beside: string
      score(values: FeatureValues, near: Candidates): Promise<ScoredItems>
      dispose(): Promise<void>
    }
  | {
      readonly answers: 'stream'
      /** The property of events that is its reading. */
      readonly property: string
      /** What a model foretells of a window, in deviations; null where there is none, and statistics do. */
      readonly foretell: ((window: Float32Array) => Promise<ScoredRow>) | null
      /** Where there was to be a model and is none. */
      readonly fallback: Extract<Fallback, 'model_missing'> | null
      dispose(): Promise<void>
    }

/**
 * Loads every model of a release and runs each once: one that loads may still fail when it runs. Throws with the
 * name of the first that cannot; those loaded before it are let go.
 */
export async function loadModels({
  manifest,
  models,
  catalogue,
  policy,
}: ReleaseParts): Promise<ReadonlyMap<string, LoadedModel>> {
  const itemIds = catalogue.items.map((item) => item.id)
  const loaded = new Map<string, LoadedModel>()
  // One after the other: a runtime that compiles two at once needs the memory of both.
  for (const [name, declared] of Object.entries(manifest.models)) {
    try {
      loaded.set(name, await loadModel(models[name] as Uint8Array, declared, itemIds))
    } catch (cause) {
      for (const model of loaded.values()) await model.dispose()
      throw new Error(`the model ${name} cannot be loaded: ${reasonOf(cause)}`, { cause })
    }
  }
  for (const [name, learning] of Object.entries(policy.models ?? {})) {
    if (learning.learns !== 'stream' || loaded.has(name)) continue
    // Statistics need no model, so a stream is watched before there is one.
    loaded.set(name, ofStatistics(learning.from, 'model_missing'))
  }
  return loaded
}

async function loadModel(
  bytes: Uint8Array,
  declared: Model,
  itemIds: readonly string[],
): Promise<LoadedModel> {
  switch (declared.family) {
    case 'stream':
      return ofStatistics(declared.from, null)
    case 'forecast':
      return loadForecast(bytes, declared)
    case 'tabular':
      return loadTabular(bytes, declared)
    case 'text':
      return loadText(bytes, declared)
    case 'time-of-day':
      return loadTimeOfDay(bytes, declared, itemIds)
    default:
      return loadOfItems(bytes, declared, itemIds)
  }
}

/** Runs a scorer once: one that cannot run is let go of, and keeps its release out. */
async function tried<Scorer extends { readonly dispose: () => Promise<void> }>(
  scorer: Scorer,
  run: (scorer: Scorer) => Promise<unknown>,
): Promise<Scorer> {
  try {
    await run(scorer)
    return scorer
  } catch (cause) {
    await scorer.dispose()
    throw cause
  }
}

async function loadOfItems(
  bytes: Uint8Array,
  declared: ItemModel,
  itemIds: readonly string[],
): Promise<LoadedModel> {
  const scorer = await tried(await wasmItemScorer(bytes, declared), (scorer) =>
    scorer.score(Int32Array.of(0)),
  )
  const score = withFallback<Int32Array, ItemScorer, readonly ScoredItem[]>(
    scorer,
    () => typescriptItemScorer(bytes),
    async (asked, items) => namedItems(await asked.score(items), itemIds),
  )
  return {
    answers: 'items',
    itemsMax: declared.itemsMax,
    score: async (items) => {
      const { value, fallback } = await score(items)
      return { candidates: value ?? [], fallback }
    },
    dispose: () => scorer.dispose(),
  }
}

async function loadTimeOfDay(
  bytes: Uint8Array,
  declared: TimeOfDayModel,
  itemIds: readonly string[],
): Promise<LoadedModel> {
  const scorer = await tried(await wasmTasteScorer(bytes, declared), (scorer) =>
    scorer.score(0, { items: Int32Array.of(0), scores: Float32Array.of(1) }),
  )
  const score = withFallback<
    { readonly slot: number; readonly near: Candidates },
    TasteScorer,
    readonly ScoredItem[]
  >(
    scorer,
    () => typescriptTasteScorer(bytes),
    async (asked, { slot, near }) => namedItems(await asked.score(slot, near), itemIds),
  )
  return {
    ...{ answers: 'items-of-time', features: declared.features, beside: declared.beside },
    score: async (values, near) => {
      const [hour = 0, weekday = 1] = encodeFeatures(declared.features, values)
      const { value, fallback } = await score({ slot: slotOf({ hour, weekday }), near })
      return { candidates: value ?? [], fallback }
    },
    dispose: () => scorer.dispose(),
  }
}

async function loadTabular(bytes: Uint8Array, declared: TabularModel): Promise<LoadedModel> {
  const scorer = await tried(await wasmRowScorer(bytes, declared), (scorer) =>
    scorer.score(new Float32Array(columnsOf(declared.features).length)),
  )
  const score = withFallback(
    scorer,
    () => typescriptRowScorer(bytes),
    async (asked, row: Float32Array) => finite(await asked.score(row)),
  )
  return {
    answers: 'score',
    features: declared.features,
    segmentNames: declared.segments?.map(({ name }) => name),
    score: async (values) => {
      const { value, fallback } = await score(encodeFeatures(declared.features, values))
      return { score: value, fallback }
    },
    dispose: () => scorer.dispose(),
  }
}

async function loadText(bytes: Uint8Array, declared: TextModel): Promise<LoadedModel> {
  const scorer = await tried(await wasmTextScorer(bytes, declared), (scorer) =>
    scorer.score(readText('a text')),
  )
  const score = withFallback(
    scorer,
    () => typescriptTextScorer(bytes),
    async (asked, text: TextInputs) => finite(await asked.score(text)),
  )
  return {
    answers: 'score-of-text',
    score: async (text) => {
      const { value, fallback } = await score(text)
      return { score: value, fallback }
    },
    dispose: () => scorer.dispose(),
  }
}

type StreamModel = Extract<LoadedModel, { answers: 'stream' }>

/** A stream without a model. */
function ofStatistics(from: string, fallback: StreamModel['fallback']): StreamModel {
  return {
    ...{ answers: 'stream', property: propertyOf(from), foretell: null, fallback },
    dispose: async () => {},
  }
}

async function loadForecast(
  bytes: Uint8Array,
  declared: ForecastDeclaration,
): Promise<LoadedModel> {
  const scorer = await tried(await wasmForecastScorer(bytes, declared), (scorer) =>
    scorer.score(new Float32Array(windowColumns)),
  )
  const score = withFallback(
    scorer,
    () => typescriptForecastScorer(bytes),
    async (asked, window: Float32Array) => finite(await asked.score(window)),
  )
  return {
    ...{ answers: 'stream', property: propertyOf(declared.from), fallback: null },
    foretell: async (window) => {
      const { value, fallback } = await score(window)
      return { score: value, fallback }
    },
    dispose: () => scorer.dispose(),
  }
}

function propertyOf(from: string): string {
  return from.slice('event.'.length)
}

/** Asks WebAssembly; where that fails TypeScript, which is built once, when it is needed. */
function withFallback<Input, Scorer, Value>(
  scorer: Scorer,
  second: () => Scorer,
  ask: (scorer: Scorer, input: Input) => Promise<Value>,
) {
  let built: Scorer | undefined
  return async (
    input: Input,
  ): Promise<{ readonly value: Value | null; readonly fallback: ModelFallback | null }> => {
    try {
      return { value: await ask(scorer, input), fallback: null }
    } catch (cause) {
      log('error', 'the model failed in WebAssembly', { reason: reasonOf(cause) })
    }
    try {
      built ??= second()
      return { value: await ask(built, input), fallback: 'scorer_typescript' }
    } catch (cause) {
      log('error', 'the model failed in TypeScript', { reason: reasonOf(cause) })
      return { value: null, fallback: 'model_failed' }
    }
  }
}

function finite(score: number): number {
  if (Number.isFinite(score)) return score
  throw new Error(`the score is ${score}`)
}
