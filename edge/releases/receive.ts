import { type CanaryTerms, canaryTermsSchema } from '#shared/canary.ts'
import type { ReleaseState } from '#shared/contract.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { assertServed, authorise, type HubRequest } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { ReleaseRefused, ReleaseTookTooLong } from './refused.ts'
import { takeRelease, type Use } from './take-release.ts'

export interface ReleaseRequest extends HubRequest {
  readonly site: string
  readonly digest: string
  readonly signature: string
  /** JSON of the terms where it is to be a canary, `end` where the canary is to end, null for the live one. */
  readonly canary: string | null
  /** To be ready beside the live one, for nobody yet. */
  readonly isStandby: boolean
}

/** Does what the hub orders of the releases of a site; of what is wrong with a release it is told as RequestRefused. */
export async function receiveRelease(
  request: ReleaseRequest,
  environment: Environment,
): Promise<ReleaseState> {
  await authorise(request, environment)
  const { site, digest, signature } = request
  assertServed(site, environment)
  if (request.canary === 'end') {
    await environment.shelf().endCanary(site, null)
    environment.releases.endCanary(site)
    return releaseState(site, environment)
  }
  const use = useOf(request)
  try {
    const body = request.body.length > 0 ? request.body : null
    await takeRelease({ site, pointer: { digest, signature }, body, use }, environment)
  } catch (cause) {
    environment.counters.add('shelfedge_releases_total', 1, ['outcome', 'refused'])
    if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) {
      throw new RequestRefused(422, cause.code, cause.message)
    }
    if (cause instanceof ReleaseTookTooLong) {
      throw new RequestRefused(503, 'release_timed_out', cause.message)
    }
    throw cause
  }
  const outcome = typeof use === 'string' ? use : 'canary'
  environment.counters.add('shelfedge_releases_total', 1, ['outcome', outcome])
  return releaseState(site, environment)
}

/** What a POP says of a site's releases, to the hub alone. */
export async function tellReleases(
  request: HubRequest & { readonly site: string },
  environment: Environment,
): Promise<ReleaseState> {
  await authorise(request, environment)
  return releaseState(request.site, environment)
}

async function releaseState(site: string, environment: Environment): Promise<ReleaseState> {
  const { live, canary, ended, standby } = await environment.shelf().state(site)
  return {
    ...{ site, pop: environment.config.popId, digest: live?.digest ?? null, ended },
    standby: standby?.digest ?? null,
    isStandbyReady: standby !== null && environment.releases.ready(site, standby.digest) !== null,
    canary: canary && { digest: canary.digest, terms: canary.terms },
  }
}

function useOf({ isStandby, canary }: ReleaseRequest): Use {
  if (isStandby) return 'standby'
  return canary === null ? 'live' : readTerms(canary)
}

function readTerms(text: string): CanaryTerms {
  const read = readPlainly(canaryTermsSchema, jsonOf(text))
  if (read.ok) return read.value
  const detail = `the terms of a canary: ${read.problem.sentence}`
  throw new RequestRefused(400, 'canary_terms_invalid', detail)
}

/** Undefined where it is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
