import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

export interface LargeShop {
  readonly sessionsTotal: number
  readonly itemsTotal: number
  readonly seed: number
}

const itemsPerShelf = 40
/** How often a visitor goes on to another shelf, and back to what was seen. */
const wanderShare = 0.1
const returnShare = 0.15
const lengthMax = 40

/**
 * Sessions of a made-up shop of any size, item numbers, oldest first: few items have most of the clicks (a
 * power law), a visitor stays near a shelf and goes back and forth, half of all sessions have up to four
 * clicks. For times and memory; what it says of quality says nothing of people.
 */
export function* largeShop({ sessionsTotal, itemsTotal, seed }: LargeShop): Generator<number[]> {
  const random = xoroshiro128plus(seed)
  for (let session = 0; session < sessionsTotal; session++) yield visit(itemsTotal, random)
}

function visit(itemsTotal: number, random: RandomGenerator): number[] {
  let shelf = popularNumber(Math.ceil(itemsTotal / itemsPerShelf), random)
  const clicks: number[] = []
  do {
    if (chance(wanderShare, random)) {
      shelf = popularNumber(Math.ceil(itemsTotal / itemsPerShelf), random)
    }
    const seen = clicks[uniformInt(random, 0, Math.max(0, clicks.length - 1))]
    const fresh = Math.min(
      itemsTotal - 1,
      shelf * itemsPerShelf + popularNumber(itemsPerShelf, random),
    )
    clicks.push(chance(returnShare, random) ? (seen ?? fresh) : fresh)
  } while (clicks.length < 2 || (clicks.length < lengthMax && chance(0.78, random)))
  return clicks
}

/** Number n with a chance near 1 / (n + 1): the logarithm of the place is uniform. */
function popularNumber(total: number, random: RandomGenerator): number {
  return Math.min(total - 1, Math.floor((total + 1) ** uniformFloat64(random)) - 1)
}

function chance(share: number, random: RandomGenerator): boolean {
  return uniformFloat64(random) < share
}
