import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import {
  bootstrapInterval,
  coverage,
  hitRate,
  ndcg,
  recall,
  reciprocalRank,
} from '#hub/evaluation/metrics.ts'

const recommended = Array.from({ length: 24 }, (_, at) => at + 1)
const prediction = { recommended, next: [3, 55, 88, 4] }

describe('metrics of one prediction', () => {
  it('hit rate and reciprocal rank look at the immediate next item only', () => {
    expect(hitRate(prediction, 20)).toBe(1)
    expect(reciprocalRank(prediction, 20)).toBeCloseTo(1 / 3)
    expect(hitRate({ recommended, next: [55, 3] }, 20)).toBe(0)
    expect(reciprocalRank({ recommended, next: [55, 3] }, 20)).toBe(0)
  })

  it('look at no more than the first `length`', () => {
    expect(hitRate({ recommended, next: [21] }, 20)).toBe(0)
    expect(recall({ recommended, next: [21] }, 20)).toBe(0)
  })

  it('recall divides by all later clicks, repeats included', () => {
    expect(recall({ recommended, next: [3, 55, 3, 4] }, 20)).toBe(2 / 4)
  })

  it('ndcg discounts by 1 / log2(place) from the second place on', () => {
    const gained = 1 / Math.log2(3) + 1 / Math.log2(4)
    const ideal = 1 + 1 + 1 / Math.log2(3) + 1 / Math.log2(4)
    expect(ndcg(prediction, 20)).toBeCloseTo(gained / ideal, 12)
  })

  it('take item ids as well as numbers, and an empty list', () => {
    expect(hitRate({ recommended: ['a'], next: ['a'] }, 20)).toBe(1)
    expect(ndcg({ recommended: [], next: ['a'] }, 20)).toBe(0)
  })
})

describe('coverage', () => {
  it('is the share of the catalogue that was ever recommended', () => {
    const predictions = [
      { recommended: [1, 2, 3], next: [1] },
      { recommended: [2, 1, 4], next: [1] },
    ]
    expect(coverage(predictions, 2, 8)).toBe(2 / 8)
  })
})

describe('bootstrapInterval', () => {
  const values = Array.from({ length: 400 }, (_, at) => (at % 4 === 0 ? 1 : 0))
  const interval = (seed: number) =>
    bootstrapInterval(values, { resamples: 1000, random: xoroshiro128plus(seed) })

  it('holds the mean and is about as wide as theory says', () => {
    const { mean, low, high } = interval(1)
    expect(mean).toBe(0.25)
    const halfWidth = 1.96 * Math.sqrt((0.25 * 0.75) / 400)
    expect(low).toBeCloseTo(0.25 - halfWidth, 1.7)
    expect(high).toBeCloseTo(0.25 + halfWidth, 1.7)
  })

  it('is the same for the same seed', () => {
    expect(interval(7)).toEqual(interval(7))
    expect(interval(7)).not.toEqual(interval(8))
  })
})
