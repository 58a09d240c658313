import { deflateSync } from 'node:zlib'
import type { ItemFacts } from '#shared/policy.ts'

/** Ten million with something left for the policy, the manifest and the popular items. */
const releaseBytesAimed = 9_800_000

/** What the model of a release may take beside its catalogue: both share one bound, and more sessions are a better model. */
export function modelBytesFor(catalogue: readonly ItemFacts[]): number {
  // Packed at least as well in the release, which deflates harder.
  const catalogueBytes = deflateSync(JSON.stringify(catalogue), { level: 1 }).length
  return Math.max(0, releaseBytesAimed - catalogueBytes)
}
