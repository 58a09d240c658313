import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#hub/synthetic/random.ts'
import type { Placement } from '#shared/policy.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { isWithinRails, type LastFare, randomFare, randomState } from '#test/support/fares.ts'
import { deciding } from '#test/support/placement.ts'

const severities = ['allow', 'review', 'block']
const maybe = (value: fc.Arbitrary<number>) => fc.option(value, { nil: undefined })
const amount = maybe(fc.double({ min: -10, max: 10, noNaN: true }))

describe('whatever is asked', () => {
  it('a price keeps to its rails, and is the same while it is held', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed)
        const fare = randomFare(random)
        const ask = deciding(fare)
        let at = mondayNoonMs
        let last: LastFare | null = null
        for (let number = 0; number < 20; number++) {
          const { event, score, afterMs } = randomState(random)
          at += afterMs
          const { answer } = ask({ at, event, score })
          if (answer.price === null) continue
          const price = answer.price as number
          expect(isWithinRails(price, at, last, fare)).toBe(true)
          if (!answer.held) last = { price, at }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('a verdict is no milder than a rule that blocks, and than what cannot be judged', () => {
    const placement: Placement = {
      ...{ kind: 'verdict', model: 'fraud', unsure: 'review', event: { amount: 'double' } },
      thresholds: { review: 0.5, block: 0.9 },
      rules: [
        { name: 'large', verdict: 'block', when: 'event.amount > 5.0' },
        { name: 'small', verdict: 'allow', when: 'event.amount < 0.0' },
      ],
    }
    const score = maybe(fc.double({ min: 0, max: 1, noNaN: true }))
    fc.assert(
      fc.property(amount, score, (given, scored) => {
        const event = given === undefined ? {} : { amount: given }
        const { answer } = deciding(placement)({ event, score: scored })
        const least = (() => {
          if (given === undefined) return (scored ?? 0) >= 0.9 ? 'block' : 'review'
          if (given > 5) return 'block'
          if (given < 0) return 'allow'
          if (scored === undefined) return 'review'
          return scored >= 0.9 ? 'block' : scored >= 0.5 ? 'review' : 'allow'
        })()
        expect(severities.indexOf(answer.verdict as string)).toBe(severities.indexOf(least))
      }),
    )
  })

  it('an alert is never raised by a value below its threshold, nor ended by one that is missing', () => {
    const placement: Placement = {
      ...{ kind: 'alert', event: { amount: 'double' } },
      levels: [{ severity: 'high', on: 'event.amount > 5.0', off: 'event.amount < 0.0' }],
    }
    fc.assert(
      fc.property(fc.array(amount), (values) => {
        const ask = deciding(placement)
        let isHigh = false
        for (const value of values) {
          const { answer } = ask({ event: value === undefined ? {} : { amount: value } })
          if (value !== undefined) isHigh = value > 5 || (isHigh && value >= 0)
          expect(answer.severity).toBe(isHigh ? 'high' : null)
        }
      }),
    )
  })

  it('an offer and a segment are of somebody who may have them', () => {
    const when = 'event.amount > 5.0'
    const event = { amount: 'double' } as const
    const offer: Placement = { kind: 'offer', event, offers: [{ name: 'ten', when, terms: {} }] }
    const segments = [{ name: 'rich', when }]
    const segment: Placement = { kind: 'segment', event, segments, otherwise: 'all' }
    fc.assert(
      fc.property(amount, (value) => {
        const question = { event: value === undefined ? {} : { amount: value } }
        const isFor = value !== undefined && value > 5
        expect(deciding(offer)(question).answer.offer).toBe(isFor ? 'ten' : null)
        expect(deciding(segment)(question).answer.segment).toBe(isFor ? 'rich' : 'all')
      }),
    )
  })
})
