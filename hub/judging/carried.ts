import type { Policy } from '#shared/policy.ts'
import type { Manifest, ReleaseParts } from '#shared/release.ts'

/**
 * What a training takes over from the live release: models that score features, whoever made them; of those that a
 * policy has learned the last good ones, as long as it wants them.
 */
export function carriedModels(
  live: ReleaseParts | null,
  policy: Policy,
): {
  readonly declared: Manifest['models']
  readonly bytes: Readonly<Record<string, Uint8Array>>
} {
  const isWanted = (name: string) =>
    !Object.hasOwn(live?.policy.models ?? {}, name) || Object.hasOwn(policy.models ?? {}, name)
  const kept = Object.entries(live?.manifest.models ?? {}).filter(
    ([name, { family }]) => family === 'tabular' && isWanted(name),
  )
  const bytes = kept.map(([name]) => [name, live?.models[name] as Uint8Array] as const)
  return { declared: Object.fromEntries(kept), bytes: Object.fromEntries(bytes) }
}

/** Whether what recommends was brought by somebody: a schedule does not replace it. */
export function isBrought(live: ReleaseParts | null): boolean {
  return Object.values(live?.manifest.models ?? {}).some(({ family }) => family === 'sequence')
}
