import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Placement } from '#shared/policy.ts'
import { decide } from '#test/support/decision.ts'
import { deciding } from '#test/support/placement.ts'

// In Node and in workerd: what a rule makes of numbers is the same wherever it is asked.

/** What a rule says of an event: yes or no, or that it failed. */
function says(when: string, event: Readonly<Record<string, unknown>>) {
  const types = { a: 'double', b: 'double', c: 'double', d: 'double', text: 'string' } as const
  const placement: Placement = {
    ...{ kind: 'verdict', event: types, unsure: 'review' },
    rules: [{ name: 'rule', verdict: 'block', when }],
  }
  const { answer, effects } = deciding(placement)({ event })
  if (effects[0]?.failures === 1) {
    expect(answer.verdict).toBe('review')
    return 'failed'
  }
  return answer.verdict === 'block'
}

describe('arithmetic of doubles', () => {
  it.each([
    ['0 by 0', 'event.a / event.b > 0.5', { a: 0, b: 0 }],
    ['0 by 0, denied', '!(event.a / event.b < 18.0)', { a: 0, b: 0 }],
    ['0 by 0, unequal', 'event.a / event.b != 3.0', { a: 0, b: 0 }],
    ['a number by 0', 'event.a / event.b > 0.5', { a: 1, b: 0 }],
    ['a number by -0', 'event.a / event.b < 0.5', { a: 1, b: -0 }],
    ['a number by next to nothing', 'event.a / event.b > 0.5', { a: 1, b: 5e-324 }],
    ['0 by 0 within', '(1.0 + event.a / event.b) * 0.0 == 0.0', { a: 0, b: 0 }],
    ['0 by 0 within a loop', '[1.0, 2.0].exists(x, x / event.b > 0.5)', { b: 0 }],
    ['a product beyond all numbers', 'event.a * event.a > 0.5', { a: 1e200 }],
    ['a sum beyond all numbers', 'event.a + event.a - event.a > 0.5', { a: 1.7e308 }],
    ['infinity as text', 'double(event.text) > 0.5', { text: 'inf' }],
    ['a number beyond all numbers as text', 'double(event.text) > 0.5', { text: '1e999' }],
    ['NaN as text', 'double(event.text) != 0.5', { text: 'NaN' }],
    ['a number that is missing', 'event.a / event.b > 0.5', { a: 1 }],
  ])('fails, counted, for %s', (_what, when, event) => {
    expect(says(when, event)).toBe('failed')
  })

  it('fails only where it is asked: a guard keeps it from being asked', () => {
    expect(says('event.b != 0.0 && event.a / event.b > 0.5', { a: 1, b: 0 })).toBe(false)
    expect(says('event.b == 0.0 || event.a / event.b > 0.5', { a: 1, b: 0 })).toBe(true)
    expect(says('event.b == 0.0 ? false : event.a / event.b > 0.5', { a: 1, b: 0 })).toBe(false)
    expect(says('event.b == 0.0 ? false : event.a / event.b > 0.5', { a: 1, b: 1 })).toBe(true)
    expect(says('double(event.text) > 0.5', { text: '0.75' })).toBe(true)
    expect(says('event.text + "b" == "ab"', { text: 'a' })).toBe(true)
  })

  it('hides the item where a filter is divided by 0, and counts it', () => {
    const { items, effects } = decide({
      catalogue: [{ id: 'boot', price: 10 }],
      candidates: [{ id: 'boot', score: 1 }],
      rules: [{ name: 'worth', effect: 'filter', keep: 'item.price / context.budget > 0.5' }],
      declared: { context: { budget: 'double' } },
      context: { budget: 0 },
    })
    expect(items).toEqual([])
    expect(effects).toMatchObject([{ name: 'worth', failures: 1, items: ['boot'] }])
  })

  it('says what numbers say as long as every step is one, and fails where one is none', () => {
    const operators = {
      '+': (left: number, right: number) => left + right,
      '-': (left: number, right: number) => left - right,
      '*': (left: number, right: number) => left * right,
      '/': (left: number, right: number) => left / right,
    } as const
    const operator = fc.constantFrom(...(Object.keys(operators) as (keyof typeof operators)[]))
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, -0, 1, -1, 0.1, 5e-324, 1.7e308),
    )
    const event = fc.record({ a: number, b: number, c: number, d: number })
    fc.assert(
      fc.property(operator, operator, event, (first, second, { a, b, c, d }) => {
        const inner = operators[first](a, b)
        const outer = operators[second](inner, c)
        const expected = [inner, outer].every(Number.isFinite) ? outer > d : 'failed'
        const when = `(event.a ${first} event.b) ${second} event.c > event.d`
        expect(says(when, { a, b, c, d })).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })
})
