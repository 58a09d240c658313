import { type CanaryTerms, canaryTermsSchema } from '#shared/canary.ts'
import type { ReleaseState } from '#shared/contract.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { assertServed, authorise, type HubRequest } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { readFromShelf, sendToShelf } from './carry.ts'
import { type LoadedRelease, loadRelease, verifyPointer } from './load.ts'
import { ReleaseRefused, ReleaseTookTooLong } from './refused.ts'
import type { ReleasePointer } from './shelf.ts'

export interface ReleaseRequest extends HubRequest {
  readonly site: string
  readonly digest: string
  readonly signature: string
  /** JSON of the terms where it is to be a canary, `end` where the canary is to end, null for the live one. */
  readonly canary: string | null
  /** To be ready beside the live one, for nobody yet. */
  readonly isStandby: boolean
}

/** What a release is to be. */
type Use = 'live' | 'standby' | CanaryTerms

/**
 * Takes a release: verified and loaded first, then on the shelf, then live, the canary or the standby. What was live
 * before goes on answering until the last step, and for ever if any step fails. Without a body the release is one
 * that is here, and loaded where it is the standby: that is how a promotion and a rollback take no time.
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
    environment.releases.endCanary(site)
    return releaseState(site, environment)
  }
  const use = useOf(request)
  try {
    await take(request, use, environment)
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

async function take(
  { site, digest, signature, body }: ReleaseRequest,
  use: Use,
  environment: Environment,
): Promise<void> {
  const { releases, releaseKey } = environment
  if (use === 'standby' && (await environment.shelf().state(site)).canary !== null) {
    throw new RequestRefused(409, 'canary_running', 'beside a canary there is no room for a third')
  }
  const pointer = { digest, signature }
  if (body.length === 0 && (await useReady(site, pointer, use, environment))) return
  const bytes = body.length > 0 ? body : await onShelf(site, digest, environment)
  return releases.arrive(site, bytes.length, async (arrival, hasRoom) => {
    await arrival.load(async () => loadRelease(site, pointer, bytes, await releaseKey()))
    if (arrival.isGivenUp) throw overtaken()
    await keep(site, pointer, body.length > 0 ? body : null, use, environment)
    if (use === 'standby' && !hasRoom) return
    const release = arrival.take()
    // Given up this late it lies on the shelf, and is found there.
    if (release) await put(site, release, use, environment)
  })
}

/** Puts what is loaded to use; false where it is not, or was let go meanwhile. */
async function useReady(
  site: string,
  pointer: ReleasePointer,
  use: Use,
  environment: Environment,
): Promise<boolean> {
  const { releases, releaseKey } = environment
  if (releases.ready(site, pointer.digest) === null) return false
  await verifyPointer(site, pointer, await releaseKey())
  await keep(site, pointer, null, use, environment)
  const ready = releases.ready(site, pointer.digest)
  if (ready) await put(site, ready, use, environment)
  return ready !== null
}

/** Puts a release on the shelf; without bytes it has to lie there. */
async function keep(
  site: string,
  pointer: ReleasePointer,
  bytes: Uint8Array | null,
  use: Use,
  environment: Environment,
): Promise<void> {
  const shelf = environment.shelf()
  if (bytes !== null) await sendToShelf(shelf, site, pointer.digest, bytes)
  if (await keptAs(use, site, pointer, bytes?.length ?? null, shelf)) return
  if (bytes === null) throw unknownRelease()
  throw overtaken()
}

async function keptAs(
  use: Use,
  site: string,
  pointer: ReleasePointer,
  bytesTotal: number | null,
  shelf: ReturnType<Environment['shelf']>,
): Promise<boolean> {
  if (use === 'live') return shelf.put(site, pointer, bytesTotal)
  if (use === 'standby') return shelf.putStandby(site, pointer, bytesTotal)
  return shelf.putCanary(site, { ...pointer, terms: use }, bytesTotal)
}

/** Puts a loaded release to use in this isolate. */
async function put(
  site: string,
  release: LoadedRelease,
  use: Use,
  { releases }: Environment,
): Promise<void> {
  if (use === 'live') return releases.activate(site, release)
  if (use === 'standby') return releases.keepReady(site, release)
  return releases.activateCanary(site, release, use)
}

async function onShelf(site: string, digest: string, { shelf }: Environment) {
  const bytes = await readFromShelf(shelf(), site, digest)
  if (bytes === null) throw unknownRelease()
  return bytes
}

function overtaken(): RequestRefused {
  return new RequestRefused(
    409,
    'release_overtaken',
    'another release came meanwhile; send it again',
  )
}

function unknownRelease(): RequestRefused {
  return new RequestRefused(404, 'release_unknown', 'this release is not here; send its bytes')
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
