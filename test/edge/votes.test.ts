import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { Votes } from '#edge/releases/votes.ts'
import { canaryFault, canaryTermsSchema } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'

const termsOf = (share: number) => v.parse(canaryTermsSchema, { share, startedAtMs: 1, limits: {} })
const decision = (changes: object = {}) => ({
  ...{ atMs: baseMs, latencyMs: 10, hasFailed: false },
  ...changes,
})
/** A minute after the decision. */
const added = (changes: object = {}) =>
  shelfEvent({ event: 'Product Added', timestamp: baseMs + minuteMs, ...changes })

describe('a vote on a canary', () => {
  it('is one a visitor, however often they ask, fail and buy', () => {
    const votes = new Votes(termsOf(0.5))
    for (let at = 0; at < 500; at++) {
      votes.decided(0.1, decision({ hasFailed: at % 2 === 1 }))
      votes.decided(0.9, decision())
      votes.did(0.9, [added(), added()])
    }
    expect(votes.own).toEqual({ visitors: 1, failures: 1, outcomes: 0, latencyMsTotal: 10 })
    expect(votes.others).toEqual({ visitors: 1, failures: 0, outcomes: 1, latencyMsTotal: 10 })
    expect(canaryFault(votes.own, votes.others, termsOf(0.5).limits)).toBeNull()
  })

  it('has the mean time of the decisions on its visitor', () => {
    const votes = new Votes(termsOf(0.5))
    for (const latencyMs of [10, 20, 60]) votes.decided(0.1, decision({ latencyMs }))
    votes.decided(0.2, decision({ latencyMs: 8 }))
    expect(votes.own).toMatchObject({ visitors: 2, latencyMsTotal: 38 })
  })

  it.each([
    ['what a visitor did who was not decided on', 0.3, {}],
    ['what a bot did', 0.1, { bot: true }],
    ['what was done before the decision, and told late', 0.1, { timestamp: baseMs - minuteMs }],
    ['the event that set the decision off', 0.1, { timestamp: baseMs }],
    ['a look at a product', 0.1, { event: 'Product Viewed' }],
  ])('has no outcome by %s', (_what, place, changes) => {
    const votes = new Votes(termsOf(0.5))
    votes.decided(0.1, decision())
    votes.did(place, [added(changes)])
    expect(votes.own).toMatchObject({ visitors: 1, outcomes: 0 })
    votes.did(0.1, [added()])
    expect(votes.own).toMatchObject({ visitors: 1, outcomes: 1 })
  })

  it('is kept of a bounded number, in which a small canary has its fifth; then nobody new counts', () => {
    const votes = new Votes(termsOf(0.01))
    const visitors = 30 * limits.canaryVisitorsMax
    for (let at = 0; at < visitors; at++) votes.decided((at * Math.SQRT2) % 1, decision())
    const { own, others } = votes
    expect(own.visitors + others.visitors).toBe(limits.canaryVisitorsMax)
    expect(own.visitors / limits.canaryVisitorsMax).toBeCloseTo(0.2, 2)
    votes.did(Math.SQRT2 % 1, [added()])
    votes.did(0, [added()])
    expect([own.outcomes, others.outcomes]).toEqual([1, 0])
  })
})
