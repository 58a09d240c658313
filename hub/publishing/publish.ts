import type { Manifest, PackedRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { liveTag } from './tags.ts'

/** Who published a release and why, and how it was judged. */
export interface Publication {
  readonly by: string
  readonly why: string
  readonly figures: Readonly<Record<string, number>>
  readonly manifest: Manifest
}

/**
 * Keeps a release for ever under its digest, moves the site's `live` tag to it, and wakes the
 * publisher. The tag is the truth: a POP that is away now is brought up to date when it is back.
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
  const { by, why } = publication
  await registry.moveTag({ site, tag: liveTag, digest: release.digest, at, by, why, share: null })
  await publisher.pushNow()
}
