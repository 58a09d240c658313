import { refusedFeature, refusedText } from '#shared/policy/learnings.ts'
import type { Policy } from '#shared/policy.ts'
import type { Manifest } from '#shared/release.ts'

/** A sentence of the first model that a price must not have, for what it reads; null where there is none. */
export function protectedFeature(policy: Policy, models: Manifest['models']): string | null {
  for (const [name, model] of Object.entries(models)) {
    const refused = refusedOf(policy, name, model)
    if (refused !== null) return `the model ${name} cannot be released: ${refused}`
  }
  return null
}

function refusedOf(policy: Policy, name: string, model: Manifest['models'][string]): string | null {
  switch (model.family) {
    case 'stream':
    case 'forecast':
      return refusedFeature(policy, name, [{ name, from: model.from }])?.sentence ?? null
    case 'tabular':
      return refusedFeature(policy, name, model.features)?.sentence ?? null
    case 'text': {
      const asking = Object.entries(policy.placements).filter(([, each]) => each.model === name)
      return asking.map(([each]) => refusedText(policy, each)).find((each) => each !== null) ?? null
    }
    default:
      return null
  }
}
