import { type ReleaseParts, unpackRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { liveTag } from './tags.ts'

/** A release that is live, unpacked. */
export interface LiveRelease extends ReleaseParts {
  readonly digest: string
}

/** The live release of a site; null before the first. */
export async function liveRelease(
  site: string,
  { registry, blobs }: Pick<Environment, 'registry' | 'blobs'>,
): Promise<LiveRelease | null> {
  const digest = await registry.tag(site, liveTag)
  const bytes = digest === null ? null : await blobs.get(digest)
  if (digest === null || bytes === null) return null
  return { digest, ...unpackRelease(new Uint8Array(bytes)) }
}
