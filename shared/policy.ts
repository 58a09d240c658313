import * as v from 'valibot'
import { limits } from './limits.ts'
import { modelNameSchema } from './model.ts'

/** What CEL can name without brackets. */
const fieldName = v.pipe(
  v.string(),
  v.regex(/^[a-z][A-Za-z0-9]{0,31}$/, 'a letter of a-z, then up to 31 letters and digits'),
)
const whole = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max))
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const position = v.pipe(
  whole(1, limits.decisionItemsMax),
  v.description('Place in the answer; the first is 1.'),
)
/** An expression over item, current, session, totals, context, time and variant that says yes or no of an item. */
const ofItem = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.expressionCharactersMax),
  v.description('CEL over item, current, session, totals, context, time and variant; yes or no.'),
)
/** The same without an item: asked once a decision. */
const ofVisitor = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.expressionCharactersMax),
  v.description('CEL over current, session, totals, context, time and variant; yes or no.'),
)

const everyRule = {
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax)),
  /** The rule is off where this is not true. */
  when: v.optional(ofVisitor),
}

export const ruleSchema = v.variant('effect', [
  /** Hides every item of which `keep` is not true. */
  v.strictObject({ ...everyRule, effect: v.literal('filter'), keep: ofItem }),
  /** Multiplies the score of the items of which `where` is true. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('boost'),
    where: ofItem,
    factor: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000)),
  }),
  /** Puts one item of the catalogue at one place. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('pin'),
    item: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.idCharactersMax)),
    position,
  }),
  /** Keeps one place for the best item of which `where` is true. */
  v.strictObject({ ...everyRule, effect: v.literal('slot'), where: ofItem, position }),
  /** At most this many items of one category; an item without a category is not counted. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('category-cap'),
    itemsMax: whole(1, limits.decisionItemsMax),
  }),
  /** Maximal marginal relevance (Carbonell and Goldstein 1998): 1 goes by the score, 0 by new categories. */
  v.strictObject({ ...everyRule, effect: v.literal('diversity'), relevance: share }),
])
export const ruleEffects = ruleSchema.options.map(({ entries }) => entries.effect.literal)
export type Rule = v.InferOutput<typeof ruleSchema>

/** A placement: a named decision point, which model answers it and which rules its answer keeps. */
export const placementSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('items'),
    /** One of the release, or `popularity`. */
    model: modelNameSchema,
    itemsMax: whole(1, limits.decisionItemsMax),
    rules: v.pipe(v.array(ruleSchema), v.maxLength(limits.placementRulesMax)),
  }),
])
export type Placement = v.InferOutput<typeof placementSchema>

export const contextTypes = ['string', 'bool', 'int', 'double', 'list<string>'] as const

const experimentSchema = v.strictObject({
  /** Parts of the visitors, by variant; they need not sum to 100. */
  variants: v.pipe(
    v.record(fieldName, v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000))),
    v.check((variants) => Object.values(variants).some((part) => part > 0), 'one part above 0'),
  ),
})

export const policySchema = v.strictObject({
  /** What a question may tell in its `context`, and of which type. */
  context: v.optional(v.record(fieldName, v.picklist(contextTypes)), {}),
  /** An IANA time zone: that of a visitor whose context has no `timezone`. */
  timeZone: v.optional(v.pipe(v.string(), v.check(isTimeZone, 'an IANA time zone')), 'UTC'),
  experiments: v.optional(v.record(fieldName, experimentSchema), {}),
  placements: v.pipe(
    v.record(
      v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax)),
      placementSchema,
    ),
    v.check(
      (placements) => Object.keys(placements).length <= limits.placementsMax,
      `at most ${limits.placementsMax} placements`,
    ),
  ),
})
export type Policy = v.InferOutput<typeof policySchema>

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
