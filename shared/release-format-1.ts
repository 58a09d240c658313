import * as v from 'valibot'

/** Placements as releases had them until November 2026, without rules of their own. */
const formerPolicy = v.object({
  placements: v.record(
    v.string(),
    v.object({
      ...{ kind: v.literal('items'), model: v.string(), itemsMax: v.number() },
      exclude: v.array(v.picklist(['current', 'seen', 'unavailable'])),
      categoryItemsMax: v.optional(v.number()),
    }),
  ),
})

const keeps = {
  current: 'item.id != session.current',
  seen: '!(item.id in session.items)',
  unavailable: '!has(item.available) || item.available',
} as const

/** The policy of a release of format 1, said in rules; what is none comes back as it is, to be refused. */
export function policyOfFormat1(policy: unknown): unknown {
  const parsed = v.safeParse(formerPolicy, policy)
  if (!parsed.success) return policy
  const placements = Object.entries(parsed.output.placements).map(([name, placement]) => {
    const { exclude, categoryItemsMax, ...kept } = placement
    const filters = [...new Set(exclude)].map((what) => ({
      ...{ name: what, effect: 'filter', keep: keeps[what] },
    }))
    const cap = { name: 'category', effect: 'category-cap', itemsMax: categoryItemsMax }
    return [name, { ...kept, rules: categoryItemsMax ? [...filters, cap] : filters }]
  })
  return { placements: Object.fromEntries(placements) }
}
