import type { Random } from '#hub/synthetic/random.ts'
import type { Placement } from '#shared/policy.ts'

export type Fare = Extract<Placement, { kind: 'price' }>

/** A price placement with rails of every sort; its rules are tried by what `randomState` sends. */
export function randomFare(random: Random): Fare {
  const step = random.pick([0.01, 0.05, 0.25, 1, 7.5])
  // Whole multiples of a hundredth; wide enough that a multiple of every step lies between.
  const floor = random.integer(0, 50_000) / 100
  const ceiling = floor + random.integer(800, 100_000) / 100
  return {
    ...{ kind: 'price', model: 'demand', event: { fare: 'double', share: 'double' } },
    ...{ base: 'event.fare', subject: '"seat"', floor, ceiling: round(ceiling), step },
    heldMs: random.pick([0, 1_000, 60_000]),
    ...(random.chance(0.7) && {
      change: { shareMax: random.unit(), perMs: random.pick([1_000, 60_000, 3_600_000]) },
    }),
    rules: [
      { name: 'demand', effect: 'factor', by: '0.5 + score' },
      { name: 'share', effect: 'factor', by: '1.0 / event.share', when: 'event.share < 0.5' },
      { name: 'fee', effect: 'add', by: 'event.fare * 1000.0 - 5.0', when: 'score > 1.5' },
    ],
  }
}

/** What one question brings: bases and scores of every size, some missing, some that divide by 0. */
export function randomState(random: Random) {
  const fare = random.pick([0, -5, 1e300, -1e300, random.unit() * 1_000, random.unit() * 10])
  const share = random.pick([0, 1, random.unit()])
  return {
    event: { ...(random.chance(0.9) && { fare }), ...(random.chance(0.9) && { share }) },
    score: random.pick([null, 0, random.unit() * 2, 1e308]),
    afterMs: random.pick([0, 1, random.integer(0, 5_000), random.integer(0, 7_200_000)]),
  }
}

/** The price that a visitor was last given anew, and when, epoch ms. */
export interface LastFare {
  readonly price: number
  readonly at: number
}

/** Whether a price keeps to its rails, reckoned apart from the code that set it. */
export function isWithinRails(
  price: number,
  at: number,
  last: LastFare | null,
  fare: Fare,
): boolean {
  const steps = price / fare.step
  if (!(price >= fare.floor && price <= fare.ceiling)) return false
  if (Math.abs(steps - Math.round(steps)) > 1e-6) return false
  if (last === null) return true
  if (at < last.at + fare.heldMs) return price === last.price
  if (!fare.change) return true
  const most = last.price * fare.change.shareMax * ((at - last.at) / fare.change.perMs)
  return Math.abs(price - last.price) <= most + 1e-9
}

const round = (amount: number) => Math.round(amount * 100) / 100
