import { isDeepStrictEqual } from 'node:util'
import type { Learning } from '#shared/learning.ts'
import type { Policy } from '#shared/policy.ts'
import type { Manifest, ReleaseParts } from '#shared/release.ts'

/**
 * What a training takes over from the live release: models that score features or foretell streams, whoever made
 * them; of those that a policy has learned the last good ones, as long as it wants the same told: one that learned
 * something else does not answer under the name.
 */
export function carriedModels(
  live: ReleaseParts | null,
  policy: Policy,
): {
  readonly declared: Manifest['models']
  readonly bytes: Readonly<Record<string, Uint8Array>>
} {
  const isWanted = (name: string) => {
    const learned = learningOf(live?.policy, name)
    return learned === undefined || tellsTheSame(learned, learningOf(policy, name))
  }
  const kept = Object.entries(live?.manifest.models ?? {}).filter(
    ([name, { family }]) => ['tabular', 'forecast'].includes(family) && isWanted(name),
  )
  const bytes = kept.map(([name]) => [name, live?.models[name] as Uint8Array] as const)
  return { declared: Object.fromEntries(kept), bytes: Object.fromEntries(bytes) }
}

function learningOf(policy: Policy | undefined, name: string): Learning | undefined {
  const { models = {} } = policy ?? {}
  return Object.hasOwn(models, name) ? models[name] : undefined
}

/** Features may have changed: a model names its own, and tells of the same event. */
function tellsTheSame(one: Learning, other: Learning | undefined): boolean {
  return isDeepStrictEqual(withoutFeatures(one), other && withoutFeatures(other))
}

function withoutFeatures(learning: Learning) {
  return { ...learning, features: null }
}

/** Whether what recommends was brought by somebody: a schedule does not replace it. */
export function isBrought(live: ReleaseParts | null): boolean {
  return Object.values(live?.manifest.models ?? {}).some(({ family }) => family === 'sequence')
}
