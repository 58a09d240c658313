import type { Manifest, PackedRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import type { TrainingClaim } from '../registry/registry.ts'
import { liveTag } from './tags.ts'

/** Who published a release and why, and how it was judged. */
export interface Publication {
  readonly by: string
  readonly why: string
  readonly figures: Readonly<Record<string, number>>
  readonly manifest: Manifest
  /** What was trained under a claim that another hub has taken over does not go live. */
  readonly claim?: TrainingClaim
}

/**
 * Keeps a release for ever under its digest, moves the site's `live` tag to it, and wakes the
 * publisher. The tag is the truth: a POP that is away now is brought up to date when it is back. Throws
 * RegistryError `superseded` where the claim is another hub's by now.
 */
export async function publishRelease(
  site: string,
  release: PackedRelease,
  publication: Publication,
  environment: Environment,
): Promise<void> {
  const at = new Date(environment.now())
  const { registry, blobs, publisher } = environment
  await blobs.put(release.bytes)
  await registry.addRelease({
    digest: release.digest,
    site,
    createdAt: at,
    createdBy: publication.by,
    manifest: publication.manifest,
    bytesTotal: release.bytes.length,
  })
  await registry.addEvaluation({
    digest: release.digest,
    at,
    name: 'held-back sessions',
    figures: publication.figures,
  })
  environment.failPoint('during_publish')
  const { by, why, claim } = publication
  const move = { site, tag: liveTag, digest: release.digest, at, by, why, share: null }
  await registry.moveTag(move, claim)
  await publisher.pushNow()
}
