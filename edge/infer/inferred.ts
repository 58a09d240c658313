import type { Fallback } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type { ShelfEvent } from '#shared/event.ts'
import type { Features } from '#shared/features.ts'
import type { CompiledPlacement } from '#shared/policy/compile.ts'
import type { StreamState } from '#shared/stream/anomaly.ts'
import type { FeatureFacts } from '#shared/tabular/read-features.ts'
import type { LoadedRelease } from '../releases/load.ts'
import type { LoadedModel } from '../releases/load-models.ts'

/** What a decision is made from: one release's models, policy and popularity, never two. */
export interface Inferred {
  readonly features: Features
  /** Of a model that names items; empty where the placement has another. */
  readonly candidates: readonly ScoredItem[]
  /** Of a model of rows, of texts or of a stream: finite, null where the placement has none or it failed. */
  readonly score: number | null
  /** Where the score is the number of a segment. */
  readonly segmentNames?: readonly string[] | undefined
  /** Where the model is of a stream: as it is with the readings of this question. */
  readonly stream?: StreamState | null
  readonly popular: readonly ScoredItem[]
  /** What named or scored: `popularity` where no model did, '' where the placement asks for none. */
  readonly model: string
  readonly fallback: Fallback | null
  /** How long the model took, ms; 0 where it was not asked, or where the platform stops its clock. */
  readonly inferenceMs: number
}

/** What is known of who asks; the stream is the one that the placement remembers. */
export interface Known extends FeatureFacts {
  /** Events that a stream reads: those of the question, or the one that set the decision off. */
  readonly readings: readonly ShelfEvent[]
  readonly stream: StreamState | null
}

/** A question to one kind of model. */
export interface AskedModel<Answers extends LoadedModel['answers']> {
  readonly model: Extract<LoadedModel, { answers: Answers }>
  readonly known: Known
  readonly placement: CompiledPlacement['placement']
  readonly release: LoadedRelease
  readonly features: Features
}

/** What a model adds to what popularity would have answered; `model` only where it is not the asked one. */
export type ModelAnswer = Partial<Omit<Inferred, 'inferenceMs' | 'popular'>>
