import type { CanaryTerms } from '#shared/canary.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { readFromShelf, sendToShelf } from './carry.ts'
import type { LiveReleases } from './live.ts'
import type { LoadedRelease, Loader } from './load.ts'
import type { ReleasePointer, ReleaseShelf } from './shelf.ts'

/** What a release is to be. */
export type Use = 'live' | 'standby' | CanaryTerms

interface PushedRelease {
  readonly site: string
  readonly pointer: ReleasePointer
  /** Null where it is one that is here. */
  readonly body: Uint8Array<ArrayBuffer> | null
  readonly use: Use
}

interface Ports {
  readonly releases: LiveReleases
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  readonly loadRelease: Loader
  /** As `verifyPointer`, by the hub's key. */
  readonly verifyPointer: (site: string, pointer: ReleasePointer) => Promise<void>
}

/**
 * Takes a release: verified and loaded first, then on the shelf, then live, the canary or the standby. What was live
 * before goes on answering until the last step, and for ever if any step fails. Without a body it is loaded from the
 * shelf, or not at all where it is the standby: that is how a promotion and a rollback take no time. Throws
 * RequestRefused, and what `loadRelease` throws.
 */
export async function takeRelease(pushed: PushedRelease, ports: Ports): Promise<void> {
  const { site, pointer, body, use } = pushed
  if (use === 'standby' && (await ports.shelf().state(site)).canary !== null) {
    throw new RequestRefused(409, 'canary_running', 'beside a canary there is no room for a third')
  }
  if (body === null && (await useReady(pushed, ports))) return
  const bytes = body ?? (await readFromShelf(ports.shelf(), site, pointer.digest))
  if (bytes === null) throw unknownRelease()
  await ports.releases.arrive(site, bytes.length, async (arrival, hasRoom) => {
    await arrival.load(() => ports.loadRelease(site, pointer, bytes))
    if (arrival.isGivenUp) throw overtaken()
    await keep(pushed, ports)
    // Live already, it is of no use beside itself.
    if (use === 'standby' && (!hasRoom || ports.releases.isLive(site, pointer.digest))) return
    const release = arrival.take()
    // Given up this late it lies on the shelf, and is found there.
    if (release) await put(release, pushed, ports)
  })
}

/** Puts what is loaded to use; false where it is not, or was let go meanwhile. */
async function useReady(pushed: PushedRelease, ports: Ports): Promise<boolean> {
  const { site, pointer } = pushed
  if (ports.releases.ready(site, pointer.digest) === null) return false
  await ports.verifyPointer(site, pointer)
  await keep(pushed, ports)
  const ready = ports.releases.ready(site, pointer.digest)
  if (ready) await put(ready, pushed, ports)
  return ready !== null
}

/** Puts a release on the shelf; without bytes it has to lie there. */
async function keep({ site, pointer, body, use }: PushedRelease, ports: Ports): Promise<void> {
  const shelf = ports.shelf()
  if (body !== null) await sendToShelf(shelf, site, pointer.digest, body)
  const bytesTotal = body?.length ?? null
  if (await keptAs(use, shelf, site, pointer, bytesTotal)) return
  throw body === null ? unknownRelease() : overtaken()
}

async function keptAs(
  use: Use,
  shelf: DurableObjectStub<ReleaseShelf>,
  site: string,
  pointer: ReleasePointer,
  bytesTotal: number | null,
): Promise<boolean> {
  if (use === 'live') return shelf.put(site, pointer, bytesTotal)
  if (use === 'standby') return shelf.putStandby(site, pointer, bytesTotal)
  return shelf.putCanary(site, { ...pointer, terms: use }, bytesTotal)
}

/** Puts a loaded release to use in this isolate. */
async function put(
  release: LoadedRelease,
  { site, use }: PushedRelease,
  { releases }: Ports,
): Promise<void> {
  if (use === 'live') return releases.activate(site, release)
  if (use === 'standby') return releases.keepReady(site, release)
  return releases.activateCanary(site, release, use)
}

function unknownRelease(): RequestRefused {
  return new RequestRefused(404, 'release_unknown', 'this release is not here; send its bytes')
}

function overtaken(): RequestRefused {
  return new RequestRefused(
    409,
    'release_overtaken',
    'another release came meanwhile; send it again',
  )
}
