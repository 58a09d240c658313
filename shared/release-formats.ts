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

type Files = Record<string, Uint8Array>

/**
 * The parts and files of a release of format 1 or 2 as format 3 has them, so that a POP that is upgraded goes on
 * answering by the release it has; others come back as they are. Until November 2026 there was one model, `model.onnx`.
 */
export function inFormat3(
  parts: Record<string, unknown>,
  files: Files,
): { readonly parts: Record<string, unknown>; readonly files: Files } {
  const { manifest, policy } = parts as {
    manifest?: Record<string, unknown> | null
    policy?: unknown
  }
  if (manifest?.format !== 1 && manifest?.format !== 2) return { parts, files }
  const { model, ...kept } = manifest
  const { 'model.onnx': file, ...others } = files
  return {
    parts: {
      ...parts,
      manifest: { ...kept, format: 3, models: { 'session-knn': model } },
      policy: manifest.format === 1 ? policyOfFormat1(policy) : policy,
    },
    files: file === undefined ? others : { ...others, 'models/session-knn.onnx': file },
  }
}

/** The policy of a release of format 1, said in rules; what is none comes back as it is, to be refused. */
function policyOfFormat1(policy: unknown): unknown {
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
