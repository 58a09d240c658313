import { type ReleaseParts, unpackRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { liveTag } from '../publishing/tags.ts'

/** The live release of a site, unpacked; null before the first. */
export async function liveParts(
  site: string,
  { registry, blobs }: Pick<Environment, 'registry' | 'blobs'>,
): Promise<ReleaseParts | null> {
  const digest = await registry.tag(site, liveTag)
  const bytes = digest === null ? null : await blobs.get(digest)
  return bytes === null ? null : unpackRelease(new Uint8Array(bytes))
}
