import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { skipN } from 'pure-rand/utils/skipN'

/** The only source of chance in the synthetic shop: everything drawn follows from the seed. */
export interface Random {
  /** 0 (included) to 1 (excluded). */
  unit(): number
  /** Both ends included. */
  integer(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  normal(): number
  logNormal(median: number, sigma: number): number
  exponential(mean: number): number
  /** 1, 2, 3, … with the given mean: how often until one stops, when every step is as likely the last. */
  geometric(mean: number): number
  /** A version 4 UUID in shape; its bits come from the seed. */
  uuid(): string
}

// Close seeds give close first draws in this family of generators; a few steps apart they no longer resemble each other.
const stepsToWarmUp = 64

export function seededRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed)
  skipN(generator, stepsToWarmUp)
  const unit = () => uniformFloat64(generator)
  const normal = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit())
  const integer = (from: number, to: number) => uniformInt(generator, from, to)
  return {
    unit,
    integer,
    normal,
    chance: (probability) => unit() < probability,
    pick: (list) => at(list, integer(0, list.length - 1)),
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    exponential: (mean) => -mean * Math.log(1 - unit()),
    geometric: (mean) =>
      mean <= 1 ? 1 : 1 + Math.floor(Math.log(1 - unit()) / Math.log(1 - 1 / mean)),
    uuid: () => uuidOf(generator),
  }
}

function uuidOf(generator: RandomGenerator): string {
  const word = () => (generator.next() >>> 0).toString(16).padStart(8, '0')
  const [a, b, c, d] = [word(), word(), word(), word()]
  const variant = '89ab'[Number.parseInt(c.slice(0, 1), 16) % 4]
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`
}

/** Draws positions of a list in proportion to their weights; the sums are made once, a draw is a binary search. */
export function weightedDraw(weights: readonly number[]): (random: Random) => number {
  let sum = 0
  const sums = weights.map((weight) => {
    sum += weight
    return sum
  })
  if (!(sum > 0)) throw new RangeError('a weighted draw needs at least one weight above zero')
  return (random) => firstAbove(sums, random.unit() * sum)
}

function firstAbove(sums: readonly number[], value: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (at(sums, middle) > value) high = middle
    else low = middle + 1
  }
  return low
}

/** The element at a position known to exist; a miss is a bug of ours, not a case to handle. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list[index]
  if (element === undefined) throw new RangeError(`no element ${index} in a list of ${list.length}`)
  return element
}
