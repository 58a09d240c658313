import { describe, expect, it } from 'vitest'
import { crossingProbability } from '#test/bench/decisions/crossing.ts'
import { experimentFigures } from '#test/bench/decisions/experiments.ts'

describe('the expected power', () => {
  it('of one look is that of a normal', () => {
    const look = { standardErrorsWide: 1.959964, information: 4 }
    expect(crossingProbability([look], 0)).toBeCloseTo(0.05, 4)
    expect(crossingProbability([look], 1.959964 / 2)).toBeCloseTo(0.5, 3)
  })

  // Armitage, McPherson and Rowe (1969), table 2: 5 and 10 looks at 1.96 standard errors.
  it('of repeated looks at a fixed interval is as published', () => {
    const looks = (count: number) =>
      Array.from({ length: count }, (_, at) => ({
        standardErrorsWide: 1.96,
        information: at + 1,
      }))
    expect(crossingProbability(looks(5), 0)).toBeCloseTo(0.142, 3)
    expect(crossingProbability(looks(10), 0)).toBeCloseTo(0.193, 3)
  })
})

describe('worlds whose uplift is known', () => {
  it('are found out, and nothing is found where there is nothing', () => {
    const figures = experimentFigures({ worlds: 20, days: 7, visitorsPerDay: 600, uplift: 0.25 })
    expect(figures.aaFalsePositives).toBeLessThanOrEqual(figures.aaFalsePositivesAllowed as number)
    const errors = 3 * (figures.abPowerStandardError as number)
    expect(
      Math.abs((figures.abPower as number) - (figures.abPowerExpected as number)),
    ).toBeLessThan(errors)
  })
})
