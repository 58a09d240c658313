import * as v from 'valibot'
import { limits } from '../limits.ts'
import { knownFeatures } from './known-features.ts'

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax))

/** Where a value comes from: `session.views`, `totals.spend1h`, `profile.orders`, `event.amount`, `context.store`, `time.hour`. */
const from = v.pipe(
  v.string(),
  v.regex(
    /^(session|totals|profile|event|context|time)\.[A-Za-z_][A-Za-z0-9_]{0,63}$/,
    'must be session, totals, profile, event, context or time, a dot and a name',
  ),
  v.check(
    (path) => {
      const [root, field] = path.split('.') as [string, string]
      const names = root in knownFeatures ? knownFeatures[root as keyof typeof knownFeatures] : null
      return names === null || Object.hasOwn(names, field)
    },
    Object.entries(knownFeatures)
      .map(([root, names]) => `of ${root} there are ${Object.keys(names).join(', ')}`)
      .join('; '),
  ),
)

/** One feature of a tabular model, as a person reads it. */
export const featureSchema = v.variant('type', [
  /** A column. What is no finite number, nor text that says one, nor true or false, becomes `imputed`. */
  v.strictObject({
    ...{ name, from, type: v.literal('number') },
    imputed: v.pipe(v.number(), v.finite()),
  }),
  /** A column a category, 1 where the value is it; all 0 where it is missing or none of them. */
  v.strictObject({
    ...{ name, from, type: v.literal('text') },
    categories: v.pipe(
      v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax))),
      v.minLength(1),
      v.check((all) => new Set(all).size === all.length, 'must have each category once'),
    ),
  }),
])
export type Feature = v.InferOutput<typeof featureSchema>

/** The features of a model, in the order of its columns. */
export const featuresSchema = v.pipe(
  v.array(featureSchema),
  v.minLength(1),
  v.check(
    (features) => columnsOf(features).length <= limits.featureColumnsMax,
    `must have at most ${limits.featureColumnsMax} columns`,
  ),
  v.check(
    (features) => new Set(features.map((each) => each.name)).size === features.length,
    'must have each name once',
  ),
)

/** The names of the columns: of a number its own, of text one for each category. */
export function columnsOf(features: readonly Feature[]): string[] {
  return features.flatMap((feature) =>
    feature.type === 'number'
      ? [feature.name]
      : feature.categories.map((category) => `${feature.name}=${category}`),
  )
}
