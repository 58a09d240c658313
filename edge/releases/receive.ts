import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { type SignatureRefusal, verifyRequest } from '#shared/signature.ts'
import type { Environment } from '../environment.ts'
import { loadRelease, ReleaseRefused } from './load.ts'

export interface ReleaseRequest {
  readonly site: string
  readonly digest: string
  readonly signature: string
  readonly method: string
  readonly path: string
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array<ArrayBuffer>
}

/** Refuses whoever is not the hub, and a request of the hub that is old or sent again. */
export async function authorise(request: ReleaseRequest, environment: Environment): Promise<void> {
  const now = environment.now()
  const refusal = await verifyRequest(
    await environment.releaseKey(),
    request,
    request.header,
    { claim: (nonce, expiresAt) => environment.shelf().claim(nonce, expiresAt, now) },
    now,
  )
  refuseUnsigned(refusal)
}

export function refuseUnsigned(refusal: SignatureRefusal | null): void {
  if (refusal) throw new RequestRefused(401, refusal, 'the request is not signed by the hub, now')
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
  if (!environment.config.siteIds.includes(site)) {
    throw new RequestRefused(404, 'unknown_site', `this POP does not serve the site ${site}`)
  }
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
