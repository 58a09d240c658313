import type { Policy } from '#shared/policy.ts'
import type { Environment } from '../environment.ts'
import { liveRelease } from '../publishing/live-release.ts'

export type Experiments = Policy['experiments']
export type Experiment = Experiments[string]

/** The experiments of the policy that is live; before the first release there are none. */
export async function liveExperiments(
  site: string,
  environment: Pick<Environment, 'registry' | 'blobs'>,
): Promise<Experiments> {
  return (await liveRelease(site, environment))?.policy.experiments ?? {}
}

/** The variant the others are held against: the holdout, else the first that the policy names. */
export function controlOf({ variants, holdout }: Experiment): string {
  return holdout?.variant ?? (Object.keys(variants)[0] as string)
}
