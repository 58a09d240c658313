import * as v from 'valibot'
import { limits } from './limits.ts'

const exclusions = ['current', 'seen', 'unavailable'] as const

/** A placement: a named decision point, which model answers it and which rules its answer keeps. */
export const placementSchema = v.strictObject({
  kind: v.literal('items'),
  model: v.picklist(['session-knn', 'popularity']),
  itemsMax: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.decisionItemsMax)),
  /** What never appears: the item looked at now, any item of this session, what cannot be bought. */
  exclude: v.array(v.picklist(exclusions)),
  /** At most this many items of one category; absent for no cap. */
  categoryItemsMax: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})
export type Placement = v.InferOutput<typeof placementSchema>

export const policySchema = v.strictObject({
  placements: v.record(v.pipe(v.string(), v.minLength(1)), placementSchema),
})
export type Policy = v.InferOutput<typeof policySchema>

/** The placement of a site that has not written a policy yet. */
export const defaultPolicy: Policy = {
  placements: {
    'product-page': {
      kind: 'items',
      model: 'session-knn',
      itemsMax: limits.decisionItemsMax,
      exclude: ['current', 'unavailable'],
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
