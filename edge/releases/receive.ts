import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { assertServed, authorise, type HubRequest } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { loadRelease, ReleaseRefused } from './load.ts'

export interface ReleaseRequest extends HubRequest {
  readonly site: string
  readonly digest: string
  readonly signature: string
}

/**
 * Takes a release: verified and loaded first, then on the shelf, then live. What was live before goes
 * on answering until the last step, and for ever if any step fails.
 */
export async function receiveRelease(
  request: ReleaseRequest,
  environment: Environment,
): Promise<{ site: string; digest: string; live: true }> {
  await authorise(request, environment)
  const { site, digest, signature } = request
  assertServed(site, environment)
  try {
    const key = await environment.releaseKey()
    const release = await loadRelease(site, { digest, signature }, request.body, key)
    await environment.shelf().put(site, { digest, signature }, request.body)
    await environment.releases.activate(site, release)
  } catch (cause) {
    environment.counters.add('shelfedge_releases_total', 1, ['outcome', 'refused'])
    if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) {
      throw new RequestRefused(422, cause.code, cause.message)
    }
    throw cause
  }
  environment.counters.add('shelfedge_releases_total', 1, ['outcome', 'live'])
  return { site, digest, live: true }
}
