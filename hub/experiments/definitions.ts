import type { Policy } from '#shared/policy.ts'
import { unpackRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { liveTag } from '../publishing/tags.ts'

export type Experiments = Policy['experiments']
export type Experiment = Experiments[string]

/** The experiments of the policy that is live; before the first release there are none. */
export async function liveExperiments(
  site: string,
  { registry, blobs }: Pick<Environment, 'registry' | 'blobs'>,
): Promise<Experiments> {
  const digest = await registry.tag(site, liveTag)
  const bytes = digest === null ? null : await blobs.get(digest)
  return bytes === null ? {} : unpackRelease(bytes).policy.experiments
}

/** The variant the others are held against: the holdout, else the first that the policy names. */
export function controlOf({ variants, holdout }: Experiment): string {
  return holdout?.variant ?? (Object.keys(variants)[0] as string)
}
