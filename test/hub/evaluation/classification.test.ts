import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import {
  averagePrecision,
  brier,
  calibrationError,
  recallAtFalsePositives,
  reliability,
  stratifiedInterval,
} from '#hub/evaluation/classification.ts'

describe('scores held against what happened', () => {
  const scored = { scores: [0.9, 0.8, 0.7, 0.6, 0.2], labels: [1, 0, 1, 0, 0] }

  it('have an average precision: the precision at each hit, over the hits', () => {
    expect(averagePrecision(scored)).toBeCloseTo((1 / 1 + 2 / 3) / 2)
    expect(averagePrecision({ scores: [3, 2, 1], labels: [1, 1, 0] })).toBe(1)
  })

  it('that are all the same are one step: the share of what happened', () => {
    expect(averagePrecision({ scores: [1, 1, 1, 1], labels: [0, 1, 0, 0] })).toBe(0.25)
    expect(recallAtFalsePositives({ scores: [1, 1], labels: [0, 1] }, 0.5)).toBe(0)
  })

  it.each([
    [0, 0.5],
    [1 / 3, 1],
    [1, 1],
  ])('find at %d false alarms the share %d', (share, recall) => {
    expect(recallAtFalsePositives(scored, share)).toBe(recall)
  })

  it('have a Brier score and a reliability', () => {
    expect(brier({ scores: [0, 1, 0.5], labels: [0, 1, 1] })).toBeCloseTo(0.25 / 3)
    const certain = { scores: [0.05, 0.05, 0.95, 0.95], labels: [0, 0, 1, 0] }
    expect(reliability(certain, 10)).toEqual([
      { count: 2, score: 0.05, happened: 0 },
      { count: 2, score: 0.95, happened: 0.5 },
    ])
    expect(calibrationError(certain, 10)).toBeCloseTo(0.05 / 2 + 0.45 / 2)
  })

  it('have an interval around a metric, the same for the same seed', () => {
    const many = {
      scores: Array.from({ length: 400 }, (_, at) => (at * 7_919) % 400),
      labels: Array.from({ length: 400 }, (_, at) => (((at * 7_919) % 400) % 7 === 0 ? 1 : 0)),
    }
    const interval = () =>
      stratifiedInterval(many, averagePrecision, { resamples: 100, random: xoroshiro128plus(1) })
    const { mean, low, high } = interval()
    expect(low).toBeLessThan(mean)
    expect(high).toBeGreaterThan(mean)
    expect(high - low).toBeLessThan(0.2)
    expect(interval()).toEqual({ mean, low, high })
  })
})
