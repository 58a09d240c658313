import fc from 'fast-check'
import { mean, sampleCovariance, sampleVariance } from 'simple-statistics'
import { describe, expect, it } from 'vitest'
import { standardErrorsWide } from '#hub/experiments/confidence-sequence.ts'
import { adjusted } from '#hub/experiments/cuped.ts'
import { type Moments, RunningMoments } from '#hub/experiments/moments.ts'
import { sampleRatioP } from '#hub/experiments/sample-ratio.ts'
import { upliftOf } from '#hub/experiments/uplift.ts'
import { seededRandom } from '#hub/synthetic/random.ts'

const sequence = { alpha: 0.05, visitorsPlanned: 10_000 }

function momentsOf(pairs: readonly (readonly [number, number])[]): Moments {
  const running = new RunningMoments()
  for (const [outcome, covariate] of pairs) running.add(outcome, covariate)
  return running.moments()
}

describe('moments', () => {
  it('are those of the sample', () => {
    const number = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number), { minLength: 2, maxLength: 50 }), (pairs) => {
        const found = momentsOf(pairs)
        const [outcomes, covariates] = [pairs.map(([y]) => y), pairs.map(([, x]) => x)]
        expect(found.visitors).toBe(pairs.length)
        expect(found.mean).toBeCloseTo(mean(outcomes), 4)
        expect(found.covariateMean).toBeCloseTo(mean(covariates), 4)
        const scale = 1e-9 * 1e12
        const expected = [
          [found.variance, sampleVariance(outcomes)],
          [found.covariateVariance, sampleVariance(covariates)],
          [found.covariance, sampleCovariance(outcomes, covariates)],
        ] as const
        for (const [own, others] of expected) expect(Math.abs(own - others)).toBeLessThan(scale)
      }),
    )
  })
})

describe('a confidence sequence', () => {
  // The mixture's bound in the paper's own form, with its parameter ρ written out.
  it('is as wide as the paper says', () => {
    const rho2 = (-2 * Math.log(0.05) + Math.log(-2 * Math.log(0.05) + 1)) / 10_000
    for (const t of [100, 2_000, 10_000, 500_000]) {
      const radius = Math.sqrt(
        ((2 * (t * rho2 + 1)) / (t ** 2 * rho2)) * Math.log(Math.sqrt(t * rho2 + 1) / 0.05),
      )
      expect(standardErrorsWide(t, sequence) / Math.sqrt(t)).toBeCloseTo(radius, 10)
    }
  })

  it('is narrowest near the planned number, and never as narrow as one look', () => {
    const at = (visitors: number) => standardErrorsWide(visitors, sequence)
    expect(at(10_000)).toBeCloseTo(3.03, 1)
    expect(Math.min(at(100), at(1_000_000))).toBeGreaterThan(at(10_000))
  })
})

describe('an uplift', () => {
  const arm = (visitors: number, rate: number): Moments => ({
    ...{ visitors, mean: rate, variance: rate * (1 - rate) },
    ...{ covariateMean: 0, covariateVariance: 0, covariance: 0 },
  })

  it('is proven where the interval leaves out 0, either way', () => {
    const better = upliftOf(arm(50_000, 0.22), arm(50_000, 0.2), sequence)
    expect(better?.proven).toBe(true)
    expect(better?.relative?.value).toBeCloseTo(0.1, 10)
    expect(better?.relative?.low).toBeGreaterThan(0)
    expect(upliftOf(arm(50_000, 0.2), arm(50_000, 0.22), sequence)?.proven).toBe(true)
    const same = upliftOf(arm(50_000, 0.2), arm(50_000, 0.2), sequence)
    expect(same).toMatchObject({ proven: false, difference: { value: 0 } })
  })

  it('is not told of few visitors, nor where no visitor differs from another', () => {
    expect(upliftOf(arm(99, 0.9), arm(50_000, 0.1), sequence)).toBeNull()
    expect(upliftOf(arm(5_000, 0), arm(5_000, 0), sequence)).toBeNull()
  })

  it('has no relative where the control has nothing', () => {
    expect(upliftOf(arm(500, 0.5), arm(500, 0), sequence)?.relative).toBeNull()
  })
})

describe('CUPED', () => {
  it('takes out what was known before, and leaves the effect', () => {
    const random = seededRandom(7)
    const visitors = (effect: number) =>
      Array.from({ length: 20_000 }, () => {
        const before = random.normal()
        return [0.8 * before + 0.6 * random.normal() + effect, before] as const
      })
    const before = [visitors(0.1), visitors(0)].map(momentsOf) as [Moments, Moments]
    const after = adjusted(before) as [Moments, Moments]
    // A correlation of 0.8 leaves 1 - 0.64 of the variance.
    expect(after[0].variance / before[0].variance).toBeCloseTo(0.36, 1)
    expect(after[0].mean - after[1].mean).toBeCloseTo(0.1, 1)
  })

  it('changes nothing without a covariate', () => {
    const variants = [
      momentsOf([
        [1, 0],
        [0, 0],
      ]),
      momentsOf([
        [1, 0],
        [1, 0],
      ]),
    ]
    expect(adjusted(variants)).toEqual(variants)
  })
})

describe('the sample-ratio check', () => {
  it('doubts what chance does not do, and nothing else', () => {
    expect(sampleRatioP([5_050, 4_950], [50, 50])).toBe(1)
    expect(sampleRatioP([95_100, 4_900], [95, 5])).toBe(1)
    expect(sampleRatioP([52_000, 48_000], [50, 50])).toBeLessThan(1e-6)
    expect(sampleRatioP([10, 0, 1], [1, 1, 0])).toBe(0)
    expect(sampleRatioP([0, 0], [50, 50])).toBe(1)
  })

  // The Bayes factor by its definition, one visitor after another.
  it('is one over the product of the predictions', () => {
    const random = seededRandom(3)
    const counts: [number, number] = [0, 0]
    let factor = 1
    for (let seen = 0; seen < 4_000; seen++) {
      const variant = random.chance(0.6) ? 0 : 1
      factor *= (5_000 + counts[variant]) / (10_000 + seen) / 0.5
      counts[variant]++
    }
    expect(sampleRatioP(counts, [1, 1]) * factor).toBeCloseTo(1, 6)
  })

  it('raises hardly a false alarm over all the looks of many experiments', () => {
    const random = seededRandom(11)
    const alarms = Array.from({ length: 200 }, () => {
      const counts: [number, number] = [0, 0]
      return Array.from({ length: 30 }, () => {
        for (let visitor = 0; visitor < 200; visitor++) counts[random.chance(0.5) ? 0 : 1]++
        return sampleRatioP(counts, [50, 50])
      }).some((p) => p < 0.01)
    }).filter(Boolean)
    expect(alarms.length).toBeLessThanOrEqual(6)
  })
})
