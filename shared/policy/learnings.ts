import { popularityModel, type TabularModel } from '../model.ts'
import type { Policy } from '../policy.ts'
import { textReadDefault } from '../text/read-text.ts'
import type { PolicyProblem } from './compile.ts'
import { isProtected, protectedByDefault } from './protected.ts'

/** Names that a release gives models of its own. */
const ownNames: readonly string[] = [
  ...[popularityModel, 'session-knn', 'anomaly', 'time-of-day', 'time-of-day-asked', 'sentiment'],
]

/** What keeps models from being learned as a policy says, or placements from using them. */
export function learningProblems(policy: Policy): PolicyProblem[] {
  const { models = {}, placements } = policy
  const of = (path: PolicyProblem['path'], sentence: string) => ({ path, offset: 0, sentence })
  const names = Object.keys(models).flatMap((name) =>
    ownNames.includes(name)
      ? [of(['models', name], `${name} is the name of a model that every site may have`)]
      : [],
  )
  const uses = Object.entries(placements).flatMap(([placement, { kind, model }]) => {
    if (model === undefined || !Object.hasOwn(models, model) || kind !== 'items') return []
    return [of(['placements', placement, 'model'], `${model} scores a visitor; it names no items`)]
  })
  const features = Object.entries(models).flatMap(([name, learning]) => {
    const isStream = learning.learns === 'stream'
    const read = isStream ? [{ name, from: learning.from }] : learning.features
    const refused = refusedFeature(policy, name, read)
    if (refused === null) return []
    const path = isStream ? ['from'] : ['features', refused.at, 'from']
    return [of(['models', name, ...path], refused.sentence)]
  })
  const texts = Object.keys(placements).flatMap((placement) => {
    const refused = refusedText(policy, placement)
    return refused === null ? [] : [of(['placements', placement, 'text'], refused)]
  })
  const bounds = Object.entries(models).flatMap(([name, learning]) => {
    if (learning.learns !== 'segments' || learning.segmentsMin <= learning.segmentsMax) return []
    return [of(['models', name, 'segmentsMin'], `it is above segmentsMax, ${learning.segmentsMax}`)]
  })
  const nameless = Object.entries(placements).flatMap(([placement, each]) => {
    if (each.kind !== 'segment' || each.segments !== undefined) return []
    if (models[each.model ?? '']?.learns === 'segments') return []
    const sentence = 'it names no segments, and has no model of the policy that learns segments'
    return [of(['placements', placement, 'model'], sentence)]
  })
  return [...names, ...uses, ...features, ...texts, ...bounds, ...nameless]
}

/** Placements, with the models they ask that neither a release makes of its own nor the policy learns. */
export function othersModels({ models = {}, placements }: Policy) {
  return Object.entries(placements).flatMap(([placement, { model }]) => {
    if (model === undefined || ownNames.includes(model) || Object.hasOwn(models, model)) return []
    return [{ placement, model }]
  })
}

/** The first feature of a model that a price must not depend on; null where no price has this model, or none is. */
export function refusedFeature(
  { placements, protectedAttributes = protectedByDefault }: Policy,
  name: string,
  features: readonly Pick<TabularModel['features'][number], 'name' | 'from'>[],
): { readonly at: number; readonly sentence: string } | null {
  const price = Object.entries(placements).find(
    ([, { kind, model }]) => kind === 'price' && model === name,
  )
  if (price === undefined) return null
  for (const [at, feature] of features.entries()) {
    const field = [feature.name, fieldOf(feature.from)].find((each) =>
      isProtected(each, protectedAttributes),
    )
    if (field !== undefined) return { at, sentence: refusal(price[0], field) }
  }
  return null
}

/** Why a price must not have a model of texts read what it names; null where it may, or the placement is no price. */
export function refusedText(
  { placements, protectedAttributes = protectedByDefault }: Policy,
  name: string,
): string | null {
  const placement = placements[name]
  if (placement?.kind !== 'price' || placement.model === undefined) return null
  const field = fieldOf(placement.text ?? textReadDefault)
  return isProtected(field, protectedAttributes) ? refusal(name, field) : null
}

/** `gender` of `context.gender`. */
const fieldOf = (from: string) => from.slice(from.indexOf('.') + 1)

const refusal = (price: string, field: string) =>
  `the price of ${price} must not depend on ${field}: it is a protected attribute`
