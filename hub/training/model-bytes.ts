import { deflateSync } from 'node:zlib'
import type { ItemFacts } from '#shared/policy.ts'

/** Ten million with something left for the policy, the manifest and the popular items. */
const releaseBytesAimed = 9_800_000

/**
 * What the model of a training may take beside its catalogue and the models that are carried on: all share one
 * bound, and more sessions are a better model.
 */
export function modelBytesFor(
  catalogue: readonly ItemFacts[],
  carried: readonly Uint8Array[] = [],
): number {
  // Packed at least as well in the release, which deflates harder.
  const catalogueBytes = deflateSync(JSON.stringify(catalogue), { level: 1 }).length
  const carriedBytes = carried.reduce((sum, model) => sum + model.length, 0)
  return Math.max(0, releaseBytesAimed - catalogueBytes - carriedBytes)
}
