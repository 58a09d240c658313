import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecisionInput, decideItems } from '#shared/decide.ts'
import type { ItemFacts, Placement } from '#shared/policy.ts'

const ids = Array.from({ length: 12 }, (_, number) => `item-${number}`)
const scored = fc
  .uniqueArray(fc.constantFrom(...ids))
  .map((items) => items.map((id, at) => ({ id, score: 1 / (at + 1) })))
const facts = fc
  .array(fc.record({ available: fc.boolean(), category: fc.constantFrom('x', 'y', undefined) }), {
    minLength: ids.length,
    maxLength: ids.length,
  })
  .map((list) => new Map(ids.map((id, at) => [id, { id, ...list[at] } as ItemFacts])))
const placement: fc.Arbitrary<Placement> = fc.record(
  {
    kind: fc.constant('items' as const),
    model: fc.constantFrom('session-knn' as const, 'popularity' as const),
    itemsMax: fc.integer({ min: 1, max: 10 }),
    exclude: fc.subarray(['current', 'seen', 'unavailable'] as const).map((list) => [...list]),
    categoryItemsMax: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['kind', 'model', 'itemsMax', 'exclude'] },
)
const input: fc.Arbitrary<DecisionInput> = fc
  .record({
    placement,
    candidates: scored,
    popular: scored,
    seen: fc.array(fc.constantFrom(...ids), { maxLength: 4 }),
    facts,
    itemsMax: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ facts, ...rest }) => ({ ...rest, facts: (item: string) => facts.get(item) }))

function holds(property: (input: DecisionInput) => void): void {
  fc.assert(fc.property(input, property), { numRuns: 500 })
}

function excludes(input: DecisionInput, rule: 'current' | 'seen' | 'unavailable'): boolean {
  return input.placement.exclude.includes(rule)
}

describe('the rules of a placement hold for the model and for popularity alike', () => {
  it('never answers with an item twice', () => {
    holds((input) => {
      const decided = decideItems(input).map((item) => item.id)
      expect(new Set(decided).size).toBe(decided.length)
    })
  })

  it('never answers with more than was asked for or the placement allows', () => {
    holds((input) => {
      const most = Math.min(input.itemsMax, input.placement.itemsMax)
      expect(decideItems(input).length).toBeLessThanOrEqual(most)
    })
  })

  it('never shows what it excludes', () => {
    holds((input) => {
      for (const { id } of decideItems(input)) {
        if (excludes(input, 'current')) expect(id).not.toBe(input.seen.at(-1))
        if (excludes(input, 'seen')) expect(input.seen).not.toContain(id)
        if (excludes(input, 'unavailable')) expect(input.facts(id)?.available).not.toBe(false)
      }
    })
  })

  it('never shows more of a category than its cap', () => {
    holds((input) => {
      const cap = input.placement.categoryItemsMax ?? Number.POSITIVE_INFINITY
      const decided = decideItems(input)
      for (const category of ['x', 'y']) {
        const shown = decided.filter((item) => item.category === category)
        expect(shown.length).toBeLessThanOrEqual(cap)
      }
    })
  })

  it('puts the model first, each list in its own order, and says who named an item', () => {
    holds((input) => {
      const decided = decideItems(input)
      const by = decided.map((item) => item.by)
      expect(by).toEqual([...by].sort())
      for (const [name, list] of [
        ['model', input.candidates],
        ['popularity', input.popular],
      ] as const) {
        const order = decided.filter((item) => item.by === name).map((item) => item.id)
        const allowed = list.map((item) => item.id).filter((id) => order.includes(id))
        expect(order).toEqual(allowed)
      }
    })
  })

  it('leaves no place empty that an allowed item could fill', () => {
    holds((input) => {
      const decided = decideItems({
        ...input,
        placement: { ...input.placement, exclude: [], categoryItemsMax: undefined } as never,
      })
      const offered = new Set([...input.candidates, ...input.popular].map((item) => item.id))
      const most = Math.min(input.itemsMax, input.placement.itemsMax, offered.size)
      expect(decided.length).toBe(most)
    })
  })
})

describe('a decided item', () => {
  it('carries what the catalogue knows, and nothing where it knows nothing', () => {
    const rules: Placement = { kind: 'items', model: 'session-knn', itemsMax: 5, exclude: [] }
    const known = { id: 'a', name: 'Boot', category: 'shoes', price: 20, available: true }
    const decided = decideItems({
      placement: rules,
      candidates: [{ id: 'a', score: 2 }],
      popular: [{ id: 'b', score: 1 }],
      seen: [],
      facts: (item) => (item === 'a' ? known : undefined),
      itemsMax: 5,
    })
    expect(decided).toEqual([
      { id: 'a', score: 2, by: 'model', name: 'Boot', category: 'shoes', price: 20 },
      { id: 'b', score: 1, by: 'popularity' },
    ])
  })
})
