import { describe, expect, it } from 'vitest'
import { declaredBudgets, issuesMaxOf } from '#shared/offers/budget.ts'
import { generatedCode, numberOfCode, offerCodeKey } from '#shared/offers/code.ts'
import type { ReservationOutcome, WantedIssue } from '#shared/offers/reservation.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { deciding } from '#test/support/placement.ts'

const budget = { id: 'spring', issuesMax: 10 }
const hourMs = 3_600_000

/** A POP that has this to say of every offer that is wanted. */
function told(outcome: ReservationOutcome, heldUntil = mondayNoonMs + hourMs) {
  return (wanted: readonly WantedIssue[]) =>
    wanted.map(({ offer }) => ({
      ...{ offer, outcome },
      ...(outcome === 'reserved'
        ? { code: `for ${offer}`, heldUntil }
        : { code: null, heldUntil: null }),
    }))
}

describe('an offer with a budget', () => {
  const placement = {
    kind: 'offer' as const,
    offers: [
      { name: 'half', terms: { percent: 50 }, budget, code: { from: 'list' as const } },
      { name: 'ten', terms: { percent: 10 }, when: 'context.member', budget, code: 'TEN' },
      { name: 'free', terms: { free: true } },
    ],
  }
  const declared = { member: 'bool' } as const
  const context = { member: true }

  it('is given with what was reserved, and the same while it is held, with nothing reserved', () => {
    const ask = deciding(placement, declared)
    const first = ask({ context, reserve: told('reserved') })
    const heldUntil = mondayNoonMs + hourMs
    expect(first.answer).toMatchObject({ offer: 'half', code: 'for half', heldUntil })
    const wanted: WantedIssue[][] = []
    const reserve = (all: readonly WantedIssue[]) => {
      wanted.push([...all])
      return []
    }
    const again = ask({ context, at: heldUntil - 1, reserve })
    expect(again.answer).toEqual(first.answer)
    expect(wanted).toEqual([[]])
    ask({ context, at: heldUntil, reserve })
    expect(wanted[1]?.map(({ offer }) => offer)).toEqual(['half', 'ten'])
  })

  it('is passed over where the budget is gone, and the next one is asked', () => {
    const reserve = (wanted: readonly WantedIssue[]) => [
      ...told('budget_spent')(wanted.slice(0, 1)),
      ...told('reserved')(wanted.slice(1, 2)),
    ]
    const { answer, effects } = deciding(placement, declared)({ context, reserve })
    expect(answer).toMatchObject({ offer: 'ten', code: 'TEN', terms: { percent: 10 } })
    expect(effects).toMatchObject([
      { name: 'half', on: false, reason: 'budget_spent' },
      { name: 'ten', on: true },
      { name: 'free', on: false },
    ])
  })

  it('is not wanted of whoever may not have it, and nothing is where the next is free', () => {
    const { answer, effects } = deciding(placement, declared)({ reserve: told('budget_unknown') })
    expect(answer).toMatchObject({ offer: 'free', code: null })
    expect(effects[0]).toMatchObject({ reason: 'budget_unknown' })
    expect(effects[1]).toMatchObject({ name: 'ten', failures: 1 })
  })

  it('is not for whoever is held out, and takes nothing of the budget', () => {
    const reserve = (wanted: readonly WantedIssue[]) => {
      expect(wanted).toEqual([])
      return []
    }
    const { answer, memory } = deciding(placement, declared)({ context, itemsMax: 0, reserve })
    expect([answer.offer, answer.reason, memory]).toEqual([null, 'holdout', undefined])
  })

  it('is unknown to who reserves nothing, and says why where nothing is left', () => {
    const alone = deciding({ kind: 'offer', offers: placement.offers.slice(0, 1) })
    expect(alone().answer).toMatchObject({ offer: null, reason: 'budget_unknown' })
    expect(alone({ reserve: told('budget_spent') }).answer.reason).toBe('budget_spent')
    expect(alone({ reserve: told('visitor_cap') }).answer.reason).toBe('visitor_cap')
  })
})

describe('a cap a visitor', () => {
  it('needs no budget: an offer is given so often, each time for as long as it is held', () => {
    const ask = deciding({
      kind: 'offer',
      offers: [{ name: 'twice', terms: {}, code: 'HI', perVisitor: 2, heldMs: hourMs }],
    })
    const offers = [0, 1, hourMs, hourMs + 1, 2 * hourMs, 50 * hourMs].map(
      (afterMs) => ask({ at: mondayNoonMs + afterMs }).answer,
    )
    expect(offers.slice(0, 4).every(({ offer, code }) => offer === 'twice' && code === 'HI')).toBe(
      true,
    )
    expect(offers[4]).toMatchObject({ offer: null, reason: 'visitor_cap' })
    expect(offers[5]).toMatchObject({ offer: null, reason: 'visitor_cap' })
  })

  it('counts by budget: one with a new id begins anew', () => {
    const of = (id: string) =>
      deciding({
        kind: 'offer',
        offers: [{ name: 'one', terms: {}, budget: { id, issuesMax: 5 }, perVisitor: 1 }],
      })
    const spent = of('spring')({ reserve: told('reserved') })
    const later = { at: mondayNoonMs + 2 * hourMs, memory: spent.memory, reserve: told('reserved') }
    expect(of('spring')(later).answer.reason).toBe('visitor_cap')
    expect(of('summer')(later).answer.offer).toBe('one')
  })

  it('is not broken by a memory of something else', () => {
    const ask = deciding({ kind: 'offer', offers: [{ name: 'one', terms: {}, perVisitor: 1 }] })
    for (const memory of [{ at: 1 }, [{ offer: 'one' }], 'x', null]) {
      expect(ask({ memory }).answer.offer).toBe('one')
    }
  })
})

describe('a budget', () => {
  it('of money is so many issues, counted without rounding', () => {
    expect(issuesMaxOf({ id: 'x', amountMax: 0.3, amountEach: 0.1 })).toBe(3)
    expect(issuesMaxOf({ id: 'x', amountMax: 9.99, amountEach: 5 })).toBe(1)
    expect(issuesMaxOf({ id: 'x', issuesMax: 2, amountMax: 100, amountEach: 5 })).toBe(2)
  })

  it('that two placements declare is the smaller one', () => {
    const of = (issuesMax: number) => ({
      kind: 'offer',
      offers: [{ name: 'ten', budget: { id: 'a', issuesMax } }],
    })
    const [declared] = declaredBudgets({ home: of(7), cart: of(5), other: of(6) }).values()
    expect(declared?.issuesMax).toBe(5)
  })
})

describe('a generated code', () => {
  const key = offerCodeKey('a secret that is long enough for it', 'shop')
  const name = { offer: 'ten', budget: 'spring' }

  it('is one for every number, and tells it to who has the key', () => {
    const numbers = [...Array(2_000).keys(), 2 ** 40]
    const codes = numbers.map((number) => generatedCode(key, name, number, 'SP-'))
    expect(new Set(codes).size).toBe(codes.length)
    for (const [at, code] of codes.entries()) {
      expect(numberOfCode(key, name, code.toLowerCase().replace('sp-', 'SP-'), 'SP-')).toBe(
        numbers[at],
      )
    }
    expect(codes[33]).toMatch(/^SP-11[0-9A-HJKMNP-TV-Z]{10}$/)
  })

  it('is of nobody where it was changed, or is of another site, offer, budget or prefix', () => {
    const code = generatedCode(key, name, 7, '')
    const other = offerCodeKey('a secret that is long enough for it', 'other')
    expect(numberOfCode(other, name, code, '')).toBeNull()
    expect(numberOfCode(key, { ...name, offer: 'eleven' }, code, '')).toBeNull()
    expect(numberOfCode(key, { ...name, budget: 'summer' }, code, '')).toBeNull()
    expect(numberOfCode(key, name, code, 'SP-')).toBeNull()
    for (const wrong of ['', '8', `8${code.slice(1)}`, `${code}0`, '?'.repeat(11)]) {
      expect(numberOfCode(key, name, wrong, '')).toBeNull()
    }
  })
})
