import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  canaryFault,
  canaryLimitsSchema,
  canaryTermsSchema,
  isInCanary,
  noCounts,
  placeIn,
} from '#shared/canary.ts'

const limits = v.parse(canaryLimitsSchema, { visitorsMin: 100 })
const counts = (changes: object = {}) => ({
  ...noCounts(),
  ...{ visitors: 1_000, outcomes: 100, latencyMsTotal: 10_000 },
  ...changes,
})
const terms = (share: number) => v.parse(canaryTermsSchema, { share, startedAtMs: 1, limits: {} })

describe('a canary', () => {
  it('has the visitors of its share, and keeps each of them when the share grows', () => {
    const visitors = Array.from({ length: 5_000 }, (_, at) => `a:${at}`)
    const chosen = (share: number) =>
      visitors.filter((visitor) => isInCanary(terms(share), placeIn('d', visitor)))
    expect(chosen(0)).toEqual([])
    expect(chosen(1)).toEqual(visitors)
    expect(chosen(0.1).length).toBeGreaterThan(400)
    expect(chosen(0.1).length).toBeLessThan(600)
    const more = new Set(chosen(0.3))
    expect(chosen(0.1).every((visitor) => more.has(visitor))).toBe(true)
  })

  it('goes on where it does as well as what is live', () => {
    expect(canaryFault(counts(), counts(), limits)).toBeNull()
  })

  it.each([
    [
      'fails more often',
      { failures: 30 },
      /3.0 % of the canary's visitors had a decision that failed, 0.0 %/,
    ],
    ['takes longer', { latencyMsTotal: 60_000 }, /takes 60.0 ms, one of the others 10.0 ms/],
    ['is wanted less', { outcomes: 40 }, /4.0 % .* had an outcome, 10.0 %/],
  ])('ends where it %s', (_what, changes, sentence) => {
    expect(canaryFault(counts(changes), counts(), limits)).toMatch(sentence)
  })

  it('is not ended by few visitors, by slowness of all, or by a difference within chance', () => {
    expect(canaryFault(counts({ visitors: 99, failures: 99 }), counts(), limits)).toBeNull()
    const slow = { latencyMsTotal: 100_000 }
    expect(canaryFault(counts(slow), counts(slow), limits)).toBeNull()
    expect(canaryFault(counts({ outcomes: 80 }), counts(), limits)).toBeNull()
  })

  it('is judged whatever was counted', () => {
    const any = fc
      .tuple(
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
      )
      .map(([visitors, failing, buying, latencyMsTotal]) => ({
        ...{ visitors, latencyMsTotal },
        ...{ failures: Math.floor(visitors * failing), outcomes: Math.floor(visitors * buying) },
      }))
    fc.assert(
      fc.property(any, any, (canary, live) => {
        const fault = canaryFault(canary, live, limits)
        expect(fault === null || fault.length > 10).toBe(true)
        expect(fault ?? '').not.toContain('NaN')
      }),
    )
  })
})
