import type { Fallback } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { type Features, featurise } from '#shared/features.ts'
import { limits } from '#shared/limits.ts'
import { popularityModel } from '#shared/model.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import type { Holdout } from '#shared/policy/holdout.ts'
import { defaultPolicy } from '#shared/policy.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { StreamState } from '#shared/stream/anomaly.ts'
import { observeEvents } from '#shared/stream/remembered.ts'
import { type FeatureFacts, readFeatures } from '#shared/tabular/read-features.ts'
import { readText, textAt, textReadDefault } from '#shared/text/read-text.ts'
import type { LivePopularity } from './live-popularity.ts'
import type { LoadedRelease } from './releases/load.ts'

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

/** What answers before the first release. */
export const policyWithoutRelease = compilePolicy(defaultPolicy, [])

/** Which placement answers. Throws RequestRefused where the site has none of this name. */
export function placementOf(name: string, release: LoadedRelease | null): CompiledPlacement {
  const { placements } = release?.policy ?? policyWithoutRelease
  const placement = placements.get(name)
  if (placement) return placement
  const known = [...placements.keys()].join(', ')
  throw new RequestRefused(404, 'unknown_placement', `the placements here are ${known}`)
}

/** What is known of who asks; the stream is the one that the placement remembers. */
export interface Known extends FeatureFacts {
  /** Events that a stream reads: those of the question, or the one that set the decision off. */
  readonly readings: readonly ShelfEvent[]
  readonly stream: StreamState | null
}

/** Scores a visitor by the release, down to popularity where the model has nothing to say. */
export async function infer(
  known: Known,
  { placement }: CompiledPlacement,
  release: LoadedRelease | null,
  ports: {
    readonly now: number
    readonly stopwatch: () => number
    readonly site: string
    readonly popularity: LivePopularity
    readonly holdout: Holdout | null
  },
): Promise<Inferred> {
  const { model: name = '' } = placement
  const model = release?.models.get(name)
  const isKnown = (item: string) => release?.numberOf(item) !== undefined
  const ofSession = model?.answers === 'items-of-time' ? release?.models.get(model.beside) : model
  const itemsMax = ofSession?.answers === 'items' ? ofSession.itemsMax : limits.sessionItemsMax
  const features = featurise(known.session, isKnown, ports.now, itemsMax)
  const popular = release?.popularity ?? ports.popularity.top(ports.site, limits.decisionItemsMax)
  const byPopularity: Inferred = {
    ...{ features, candidates: [], score: null, popular, inferenceMs: 0 },
    ...{ model: popularityModel, fallback: null },
  }
  if (ports.holdout === 'nothing') {
    return { ...byPopularity, popular: [], model: 'none', fallback: 'holdout' }
  }
  if (ports.holdout === 'popularity') return { ...byPopularity, fallback: 'holdout' }
  if (release === null) return { ...byPopularity, fallback: 'no_release' }
  if (model === undefined) {
    const isLearned = Object.hasOwn(release.policy.policy.models ?? {}, name)
    return { ...byPopularity, model: name, fallback: isLearned ? 'model_missing' : null }
  }
  const startedAt = ports.stopwatch()
  if (model.answers === 'score') {
    const inputs = readFeatures(model.features, known)
    const { score, fallback } = await model.score(inputs)
    const inferenceMs = ports.stopwatch() - startedAt
    const seen = { ...features, inputs }
    const { segmentNames } = model
    const scored = { ...byPopularity, features: seen, score, segmentNames }
    return { ...scored, model: name, fallback, inferenceMs }
  }
  if (model.answers === 'score-of-text') {
    const from = ('text' in placement && placement.text) || textReadDefault
    const text = readText(textAt(from, known))
    const nothing = { ...byPopularity, features: { ...features, text }, model: name }
    if (text.words.length === 0) return { ...nothing, fallback: 'no_text' }
    const { score, fallback } = await model.score(text)
    return { ...nothing, score, fallback, inferenceMs: ports.stopwatch() - startedAt }
  }
  if (model.answers === 'stream') {
    const { stream, score, value } = observeEvents(known.stream, model.property, known.readings)
    const inferenceMs = ports.stopwatch() - startedAt
    const inputs = value === null ? {} : { [model.property]: value }
    return {
      ...byPopularity,
      features: { ...features, inputs, streamScore: score },
      score,
      stream,
      model: name,
      inferenceMs,
    }
  }
  const numbers = Int32Array.from(features.items, (item) => release.numberOf(item) as number)
  if (model.answers === 'items-of-time') {
    const inputs = readFeatures(model.features, known)
    // Without a session the hour alone tells what is taken.
    const near =
      ofSession?.answers === 'items' && numbers.length > 0
        ? await ofSession.score(numbers)
        : { candidates: [], fallback: null }
    const taken = await model.score(inputs, {
      items: Int32Array.from(near.candidates, ({ id }) => release.numberOf(id) as number),
      scores: Float32Array.from(near.candidates, ({ score }) => score),
    })
    const inferenceMs = ports.stopwatch() - startedAt
    const seen = { ...byPopularity, features: { ...features, inputs }, inferenceMs }
    const fallbacks = [taken.fallback, near.fallback]
    // One without the other would be another model than the one that is named.
    if (fallbacks.includes('model_failed')) return { ...seen, fallback: 'model_failed' }
    const fallback = taken.fallback ?? near.fallback
    return { ...seen, candidates: taken.candidates, model: name, fallback }
  }
  if (numbers.length === 0) return { ...byPopularity, fallback: 'unknown_visitor' }
  const { candidates, fallback } = await model.score(numbers)
  const inferenceMs = ports.stopwatch() - startedAt
  const answering = fallback === 'model_failed' ? popularityModel : name
  return { ...byPopularity, candidates, model: answering, fallback, inferenceMs }
}
