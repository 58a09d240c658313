import * as v from 'valibot'
import { type ItemRule, ruleSchema } from './kinds/items.ts'
import { type Placement, placementSchema } from './kinds/table.ts'
import { learningsSchema } from './learning.ts'
import { limits } from './limits.ts'
import { declaredFields, fieldName, whole } from './policy/fields.ts'

export type Rule = ItemRule
export const ruleEffects = ruleSchema.options.map(({ entries }) => entries.effect.literal)

export const holdoutAnswers = ['popularity', 'nothing'] as const

const experimentSchema = v.strictObject({
  /** Parts of the visitors, by variant; they need not sum to 100. */
  variants: v.pipe(
    v.record(fieldName, v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000))),
    v.check(
      (variants) => Object.values(variants).some((part) => part > 0),
      'must have one part above 0',
    ),
  ),
  /** Its intervals are narrowest at this many; it is fixed before the first visitor. */
  visitorsPlanned: v.optional(whole(100, 1_000_000_000)),
  holdout: v.optional(
    v.strictObject({
      variant: v.pipe(fieldName, v.description('The variant whose visitors go without.')),
      answer: v.pipe(
        v.picklist(holdoutAnswers),
        v.description(
          'What they get: what is popular, by the same rules, or nothing; no offer is popular.',
        ),
      ),
      placements: v.pipe(
        v.array(v.string()),
        v.minLength(1),
        v.maxLength(limits.placementsMax),
        v.description('Where: placements of items and offers.'),
      ),
    }),
  ),
})

export const policySchema = v.strictObject({
  /** What a question may tell in its `context`, and of which type. */
  context: v.optional(declaredFields, {}),
  /** An IANA time zone: that of a visitor whose context has no `timezone`. */
  timeZone: v.optional(v.pipe(v.string(), v.check(isTimeZone, 'must be an IANA time zone')), 'UTC'),
  experiments: v.optional(v.record(fieldName, experimentSchema), {}),
  /** What no price may depend on: fields of which the name holds one of these words. */
  protectedAttributes: v.optional(
    v.pipe(v.array(fieldName), v.maxLength(limits.protectedAttributesMax)),
  ),
  /** Models that the hub learns from the store, by the names that placements call them. */
  models: v.optional(learningsSchema),
  placements: v.pipe(
    v.record(
      v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax)),
      placementSchema,
    ),
    v.check(
      (placements) => Object.keys(placements).length <= limits.placementsMax,
      `must be at most ${limits.placementsMax}`,
    ),
  ),
})
export type Policy = v.InferOutput<typeof policySchema>
export type { Placement }

/** The policy of a site that has not written one yet. */
export const defaultPolicy: Policy = {
  context: {},
  timeZone: 'UTC',
  experiments: {},
  placements: {
    'product-page': {
      kind: 'items',
      model: 'session-knn',
      itemsMax: limits.decisionItemsMax,
      rules: [
        { name: 'not-current', effect: 'filter', keep: 'item.id != session.current' },
        { name: 'available', effect: 'filter', keep: '!has(item.available) || item.available' },
      ],
    },
  },
}

export const itemFactsSchema = v.object({
  id: v.string(),
  name: v.optional(v.string()),
  category: v.optional(v.string()),
  price: v.optional(v.number()),
  available: v.optional(v.boolean()),
})
/** What the catalogue knows of an item. */
export type ItemFacts = v.InferOutput<typeof itemFactsSchema>

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
