import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import type { Payment } from './read-payments.ts'

/**
 * Places of payments in parts of these shares, of fraud and of the others alike. Payments that are the same in every
 * column are in one part: half of the frauds have a twin, and would be known by heart.
 */
export function splitPayments(
  payments: readonly Payment[],
  shares: readonly number[],
  seed: number,
): number[][] {
  const random = xoroshiro128plus(seed)
  const parts = shares.map((): number[] => [])
  for (const isFraud of [true, false]) {
    const places = [...payments.keys()].filter((at) => payments[at]?.isFraud === isFraud)
    const twins = Map.groupBy(places, (at) => JSON.stringify(payments[at]?.columns))
    const open = shares.map((share) => share * places.length)
    for (const group of shuffled([...twins.values()], random)) {
      // To the part that lacks most: large groups do not tilt it.
      const part = open.indexOf(Math.max(...open))
      parts[part]?.push(...group)
      open[part] = (open[part] as number) - group.length
    }
  }
  return parts
}

function shuffled<Value>(values: Value[], random: RandomGenerator): Value[] {
  for (let last = values.length - 1; last > 0; last--) {
    const at = uniformInt(random, 0, last)
    ;[values[last], values[at]] = [values[at] as Value, values[last] as Value]
  }
  return values
}
