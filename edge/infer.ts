import { type Features, featurise } from '#shared/features.ts'
import { limits } from '#shared/limits.ts'
import { popularityModel } from '#shared/model.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import type { Holdout } from '#shared/policy/holdout.ts'
import { defaultPolicy } from '#shared/policy.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { type FeatureValues, readFeatures } from '#shared/tabular/read-features.ts'
import type { AskedModel, Inferred, Known, ModelAnswer } from './infer/inferred.ts'
import { inferItems } from './infer/items.ts'
import { inferItemsOfTime } from './infer/items-of-time.ts'
import { inferRow } from './infer/row.ts'
import { inferStream } from './infer/stream.ts'
import { inferText } from './infer/text.ts'
import type { LivePopularity } from './live-popularity.ts'
import type { LoadedRelease } from './releases/load.ts'
import type { LoadedModel } from './releases/load-models.ts'

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
  const features = featurise(known.session, isKnown, ports.now, itemsMaxOf(model, release))
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
  const { models: learned = {} } = release.policy.policy
  const learning = Object.hasOwn(learned, name) ? learned[name] : undefined
  // A price teaches by what was known when it was told, so it is stored before there is a model too.
  const teaching = learning?.learns === 'demand' ? readFeatures(learning.features, known) : null
  if (model === undefined) {
    const fallback = learning === undefined ? null : 'model_missing'
    return { ...byPopularity, features: withInputs(features, teaching), model: name, fallback }
  }
  const startedAt = ports.stopwatch()
  const answer = await ask({ model, known, placement, release, features })
  const inferenceMs = ports.stopwatch() - startedAt
  const seen = withInputs(answer.features ?? features, teaching)
  return { ...byPopularity, model: name, ...answer, features: seen, inferenceMs }
}

/** What the model was given goes before what the next one is to be learned from. */
function withInputs(features: Features, teaching: FeatureValues | null): Features {
  return teaching === null ? features : { ...features, inputs: { ...teaching, ...features.inputs } }
}

/** Asks a model by its kind. */
async function ask({
  model,
  ...asked
}: Omit<AskedModel<never>, 'model'> & { readonly model: LoadedModel }): Promise<ModelAnswer> {
  switch (model.answers) {
    case 'score':
      return inferRow({ ...asked, model })
    case 'score-of-text':
      return inferText({ ...asked, model })
    case 'stream':
      return inferStream({ ...asked, model })
    case 'items-of-time':
      return inferItemsOfTime({ ...asked, model })
    case 'items':
      return inferItems({ ...asked, model })
  }
}

/** How many items of a session its model reads. */
function itemsMaxOf(model: LoadedModel | undefined, release: LoadedRelease | null): number {
  const ofSession = model?.answers === 'items-of-time' ? release?.models.get(model.beside) : model
  return ofSession?.answers === 'items' ? ofSession.itemsMax : limits.sessionItemsMax
}
