import { setImmediate as othersTurn } from 'node:timers/promises'
import { deflateSync } from 'node:zlib'
import { bytesPerItem } from '#models/session-knn/train.ts'
import type { ItemFacts } from '#shared/policy.ts'

/** Deflated together; what else the hub does has its turn in between. */
const itemsAtOnce = 500

/**
 * The first of a catalogue, the most viewed, that take at most `bytesMax` in a release: their facts as they are packed,
 * and what a model keeps of each item. Whoever makes items up pays for them with a place behind those that people view.
 */
export async function itemsThatFit(
  catalogue: readonly ItemFacts[],
  bytesMax: number,
): Promise<readonly ItemFacts[]> {
  let bytes = 0
  for (let from = 0; from < catalogue.length; from += itemsAtOnce) {
    const part = catalogue.slice(from, from + itemsAtOnce)
    bytes += deflateSync(JSON.stringify(part), { level: 1 }).length + part.length * bytesPerItem
    if (bytes > bytesMax) return catalogue.slice(0, from)
    await othersTurn()
  }
  return catalogue
}
