import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#hub/synthetic/random.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import { compilePolicy } from '#shared/policy/compile.ts'
import type { Placement } from '#shared/policy.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { shelfEvent } from '#test/support/events.ts'
import { isWithinRails, type LastFare, randomFare, randomState } from '#test/support/fares.ts'
import { deciding, policyOfOne } from '#test/support/placement.ts'

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

  it('an alert is moved by readings alone, and told by the clock only when its times are over', () => {
    const [silenceMs, escalateMs] = [7_000, 5_000]
    const placement: Placement = {
      ...{ kind: 'alert', event: { pulse: 'double' }, silenceMs, acknowledgedBy: 'Heard' },
      levels: [
        { severity: 'warning', on: 'event.pulse > 1.0', off: 'event.pulse < 0.0' },
        { severity: 'critical', on: 'event.pulse > 2.0', escalateMs },
      ],
    }
    const home = compilePolicy(policyOfOne(placement), []).placements.get('home')
    const pulse = maybe(fc.double({ min: -1, max: 3, noNaN: true }))
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 20_000 }),
      what: fc.oneof(fc.constant('clock' as const), fc.constant('heard' as const), pulse),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ask = deciding(placement)
        let [at, notifiedAt, memory] = [mondayNoonMs, Number.NEGATIVE_INFINITY, null as unknown]
        let before: unknown = null
        for (const { afterMs, what } of steps) {
          at += afterMs
          const events = what === 'heard' ? [shelfEvent({ event: 'Heard' })] : []
          const event = typeof what === 'number' ? { pulse: what } : {}
          const outcome =
            what === 'clock'
              ? (home?.decideByClock?.({ at, memory }) as Outcome)
              : ask({ at, event, events, memory })
          const { answer } = outcome
          if (what === 'clock') {
            expect(answer.severity ?? null).toBe(before)
            if (answer.notify) expect(at - notifiedAt).toBeGreaterThanOrEqual(escalateMs)
          }
          if (answer.acknowledged) expect(outcome.dueAt).toBeNull()
          if (answer.notify) notifiedAt = at
          before = answer.severity
          if (outcome.memory !== undefined) memory = JSON.parse(JSON.stringify(outcome.memory))
        }
      }),
    )
  })
})
