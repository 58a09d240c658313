import { refusedFeature } from '#shared/policy/learnings.ts'
import type { Policy } from '#shared/policy.ts'
import type { Manifest } from '#shared/release.ts'

/** A sentence of the first model that a price must not have, for what it reads; null where there is none. */
export function protectedFeature(policy: Policy, models: Manifest['models']): string | null {
  for (const [name, model] of Object.entries(models)) {
    const isStream = model.family === 'forecast' || model.family === 'stream'
    if (!isStream && model.family !== 'tabular') continue
    const read = isStream ? [{ name, from: model.from }] : model.features
    const refused = refusedFeature(policy, name, read)
    if (refused !== null) return `the model ${name} cannot be released: ${refused.sentence}`
  }
  return null
}
