import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Rule } from '#shared/policy.ts'
import { decide, mondayNoonMs } from '#test/support/decision.ts'
import { minuteMs } from '#test/support/events.ts'

// In Node and in workerd: what a visitor was shown, decision after decision of one placement.

const ids = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5']
const catalogue = ids.map((id, number) => ({ id, category: number % 2 === 0 ? 'even' : 'odd' }))
const scored = fc
  .uniqueArray(fc.constantFrom(...ids, 'unheard-of'))
  .map((list) => list.map((id, at) => ({ id, score: 1 / (at + 1) })))

const shownMax = fc.integer({ min: 1, max: 3 })
const minutes = fc.integer({ min: 1, max: 40 }).map((number) => number * minuteMs)
/** Conditions of which it is known whether the rule is on: the last fails, and a rule that hides is then on. */
const when = fc.constantFrom(
  undefined,
  'time.hour == 12',
  'totals.views1h > 5',
  '1 / context.no > 1',
)
const where = fc.constantFrom(undefined, 'item.category == "even"')
const capRule = fc.oneof(
  fc.record({ effect: fc.constant('frequency-cap' as const), shownMax, windowMs: minutes }),
  fc.record({ effect: fc.constant('cool-down' as const), shownMax, pauseMs: minutes }),
)
const otherRule = fc.oneof(
  fc.record({
    effect: fc.constant('pin' as const),
    item: fc.constantFrom(...ids),
    position: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    effect: fc.constant('slot' as const),
    where: fc.constant('item.category == "odd"'),
    position: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    effect: fc.constant('boost' as const),
    where: fc.constant('item.category == "odd"'),
    factor: fc.constant(9),
  }),
  fc.record({ effect: fc.constant('diversity' as const), relevance: fc.constant(0.5) }),
)
const cap = fc
  .tuple(capRule, where, when)
  .map(([rule, of, on]) => ({ ...rule, ...(of && { where: of }), ...(on && { when: on }) }))
const rules = fc
  .tuple(fc.array(cap, { minLength: 1, maxLength: 3 }), fc.array(otherRule, { maxLength: 3 }))
  .map(([caps, others]) =>
    [...others, ...caps].map((rule, number) => ({ name: `r${number}`, ...rule }) as Rule),
  )
const visits = fc.array(
  fc.record({
    gapMs: minutes,
    candidates: scored,
    popular: scored,
    limit: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 2, maxLength: 20 },
)

const isOn = (rule: Rule) =>
  rule.when === undefined || rule.when.startsWith('1 /') || rule.when.startsWith('time')
/** Of an item without a category `where` fails, and the rule is about it. */
const isAbout = (rule: Rule, id: string) =>
  !('where' in rule) ||
  rule.where === undefined ||
  catalogue.find((item) => item.id === id)?.category !== 'odd'

/** By the definition of each rule, from every time that the item was shown before. */
function mustHide(rule: Rule, before: readonly number[], at: number): boolean {
  if (rule.effect === 'frequency-cap') {
    return before.filter((each) => at - each < rule.windowMs).length >= rule.shownMax
  }
  if (rule.effect !== 'cool-down') return false
  const last = before.slice(-rule.shownMax)
  const gaps = last.map((each, index) => (last[index + 1] ?? at) - each)
  return last.length === rule.shownMax && gaps.every((gap) => gap < rule.pauseMs)
}

describe('frequency caps and cool-downs', () => {
  it('hold over a whole visit, whoever names an item, and hide nothing else', () => {
    fc.assert(
      fc.property(rules, visits, (list, asked) => {
        const shownAt = new Map<string, number[]>()
        let at = mondayNoonMs
        let memory: unknown = null
        for (const { gapMs, ...one } of asked) {
          at = Math.min(at + gapMs, mondayNoonMs + 59 * minuteMs)
          const declared = { context: { no: 'int' } as const }
          const context = { no: 0 }
          const decided = decide({ ...one, catalogue, rules: list, declared, context, at, memory })
          // As it is kept: in JSON.
          memory = JSON.parse(JSON.stringify(decided.memory))
          const shown = decided.items.map(({ id }) => id)
          const hides = (id: string) =>
            list.some(
              (rule) =>
                isOn(rule) && isAbout(rule, id) && mustHide(rule, shownAt.get(id) ?? [], at),
            )
          for (const id of shown) expect([id, hides(id)]).toEqual([id, false])
          if (shown.length < one.limit) {
            const named = [...one.candidates, ...one.popular].map(({ id }) => id)
            for (const id of named)
              expect([id, shown.includes(id) || hides(id)]).toEqual([id, true])
          }
          for (const id of shown) shownAt.set(id, [...(shownAt.get(id) ?? []), at])
        }
      }),
      { numRuns: 100 },
    )
  })

  it('are told in the effects, and leave the rest as it was', () => {
    const list: Rule[] = [
      { name: 'once', effect: 'frequency-cap', shownMax: 1, windowMs: minuteMs },
    ]
    const one = { catalogue, candidates: [{ id: 'i0', score: 1 }], rules: list }
    const first = decide({ ...one, popular: [{ id: 'i1', score: 1 }], limit: 1 })
    const next = decide({
      ...one,
      popular: [{ id: 'i1', score: 1 }],
      limit: 1,
      memory: first.memory,
    })
    expect(first.items.map(({ id, by }) => [id, by])).toEqual([['i0', 'model']])
    expect(next.items.map(({ id, by }) => [id, by])).toEqual([['i1', 'popularity']])
    expect(next.effects).toMatchObject([{ name: 'once', on: true, failures: 0, items: ['i0'] }])
  })

  it('keep nothing for a placement that has no such rule', () => {
    const one = { catalogue, candidates: [{ id: 'i0', score: 1 }], rules: [] }
    expect(decide({ ...one, memory: { shown: [['i0', mondayNoonMs]] } })).not.toHaveProperty(
      'memory',
    )
  })
})
