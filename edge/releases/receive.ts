import * as v from 'valibot'
import { type CanaryTerms, canaryTermsSchema } from '#shared/canary.ts'
import type { ReleaseState } from '#shared/contract.ts'
import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { assertServed, authorise, type HubRequest } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { type LoadedRelease, loadRelease, ReleaseRefused } from './load.ts'
import type { ReleasePointer } from './shelf.ts'

export interface ReleaseRequest extends HubRequest {
  readonly site: string
  readonly digest: string
  readonly signature: string
  /** JSON of the terms where it is to be a canary, `end` where the canary is to end, null for the live one. */
  readonly canary: string | null
}

/**
 * Takes a release: verified and loaded first, then on the shelf, then live or the canary. What was live before goes
 * on answering until the last step, and for ever if any step fails. Without a body the release is one that the
 * shelf has: that is how a rollback takes no time.
 */
export async function receiveRelease(
  request: ReleaseRequest,
  environment: Environment,
): Promise<ReleaseState> {
  await authorise(request, environment)
  const { site } = request
  assertServed(site, environment)
  if (request.canary === 'end') {
    await environment.shelf().endCanary(site, null)
    await environment.releases.dropCanary(site)
    return releaseState(site, environment)
  }
  const terms = request.canary === null ? null : readTerms(request.canary)
  try {
    await take(request, terms, environment)
  } catch (cause) {
    environment.counters.add('shelfedge_releases_total', 1, ['outcome', 'refused'])
    if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) {
      throw new RequestRefused(422, cause.code, cause.message)
    }
    throw cause
  }
  const outcome = terms === null ? 'live' : 'canary'
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

async function take(
  { site, digest, signature, body }: ReleaseRequest,
  terms: CanaryTerms | null,
  environment: Environment,
): Promise<void> {
  const pointer = { digest, signature }
  const bytes = body.length > 0 ? body : await onShelf(site, digest, environment)
  const release = await loaded(site, pointer, bytes, environment)
  const { releases } = environment
  if (terms === null) {
    await environment.shelf().put(site, pointer, bytes)
    await releases.activate(site, release)
  } else {
    await environment.shelf().putCanary(site, { ...pointer, terms }, bytes)
    await releases.activateCanary(site, release, terms)
  }
}

async function loaded(
  site: string,
  pointer: ReleasePointer,
  bytes: Uint8Array<ArrayBuffer>,
  { releases, releaseKey }: Environment,
): Promise<LoadedRelease> {
  const promoted = releases.loadedCanary(site, pointer.digest)
  if (promoted) return promoted
  await releases.makeRoom(site)
  return loadRelease(site, pointer, bytes, await releaseKey())
}

async function onShelf(site: string, digest: string, { shelf }: Environment) {
  const bytes = await shelf().read(site, digest)
  if (bytes !== null) return new Uint8Array(bytes)
  throw new RequestRefused(404, 'release_unknown', 'this release is not here; send its bytes')
}

async function releaseState(site: string, environment: Environment): Promise<ReleaseState> {
  const { live, canary, ended } = await environment.shelf().state(site)
  return {
    ...{ site, pop: environment.config.popId, digest: live?.digest ?? null, ended },
    canary: canary && { digest: canary.digest, terms: canary.terms },
  }
}

function readTerms(text: string): CanaryTerms {
  try {
    return v.parse(canaryTermsSchema, JSON.parse(text))
  } catch (cause) {
    throw new RequestRefused(400, 'canary_terms_invalid', `the terms of a canary: ${cause}`)
  }
}
