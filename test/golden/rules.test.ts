import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ItemFacts, Rule } from '#shared/policy.ts'
import { decide, type SmallDecision } from '#test/support/decision.ts'

// In Node and in workerd: what was checked by the hub is what the POP keeps.

const ids = Array.from({ length: 14 }, (_, number) => `i${number}`)
const scored = fc
  .uniqueArray(fc.constantFrom(...ids, 'unheard-of'))
  .map((list) => list.map((id, at) => ({ id, score: 1 / (at + 1) })))
const catalogue = fc.tuple(
  ...ids.map((id) =>
    fc.record(
      {
        id: fc.constant(id),
        category: fc.constantFrom('x', 'y', 'z'),
        price: fc.integer({ min: 0, max: 5 }),
        available: fc.boolean(),
      },
      { requiredKeys: ['id'] },
    ),
  ),
)

interface Visit {
  readonly seen: readonly string[]
  readonly context: { readonly age?: number; readonly max?: number }
}

/** Filters as CEL has them, and what each means; null is a failure, which hides. */
const filters: [keep: string, means: (item: ItemFacts, visit: Visit) => boolean | null][] = [
  ['item.available', (item) => item.available ?? null],
  ['!has(item.available) || item.available', (item) => item.available ?? true],
  ['item.price < 3', (item) => (item.price === undefined ? null : item.price < 3)],
  ['item.category in ["x", "y"]', (item) => item.category !== undefined && item.category !== 'z'],
  ['!(item.id in session.items)', (item, { seen }) => !seen.includes(item.id)],
  ['item.id != session.current', (item, { seen }) => item.id !== seen.at(-1)],
  ['context.age >= 18', (_, { context }) => (context.age === undefined ? null : context.age >= 18)],
  [
    'item.price <= context.max',
    (item, { context }) =>
      item.price === undefined || context.max === undefined ? null : item.price <= context.max,
  ],
  ['10 / context.age > 0', (_, { context }) => (context.age ? 10 / context.age >= 1 : null)],
  ['10.0 / context.max > 3.0', (_, { context }) => (context.max ? 10 / context.max > 3 : null)],
  [
    '!(item.price / context.max < 2.0)',
    (item, { context }) =>
      item.price === undefined || !context.max ? null : !(item.price / context.max < 2),
  ],
]
const whens = ['true', 'context.age > 3', 'time.hour < 13', '1 / context.age > 5'] as const
const isOn = (when: string | undefined, { age }: Visit['context'], effect: Rule['effect']) => {
  if (when === undefined || when === 'true' || when === 'time.hour < 13') return true
  if (age === undefined) return effect === 'filter'
  if (when === 'context.age > 3') return age > 3
  return age === 0 && effect === 'filter'
}

const place = fc.integer({ min: 1, max: 8 })
const effects = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      effect: fc.constant('filter' as const),
      keep: fc.constantFrom(...filters.map(([keep]) => keep)),
    }),
  },
  fc.record({
    effect: fc.constant('boost' as const),
    where: fc.constantFrom('item.category == "x"', 'item.price > 2'),
    factor: fc.double({ min: 0, max: 100, noNaN: true }),
  }),
  fc.record({
    effect: fc.constant('pin' as const),
    item: fc.constantFrom(...ids, 'gone'),
    position: place,
  }),
  fc.record({
    effect: fc.constant('slot' as const),
    where: fc.constant('item.category == "y"'),
    position: place,
  }),
  fc.record({
    effect: fc.constant('category-cap' as const),
    itemsMax: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    effect: fc.constant('diversity' as const),
    relevance: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
)
const rules = fc
  .array(fc.tuple(effects, fc.option(fc.constantFrom(...whens), { nil: undefined })), {
    maxLength: 8,
  })
  .map((list) =>
    list.map(
      ([effect, when], at) => ({ name: `r${at}`, ...effect, ...(when && { when }) }) as Rule,
    ),
  )
const decision = fc.record({
  ...{ catalogue, candidates: scored, popular: scored, rules },
  declared: fc.constant({ context: { age: 'int', max: 'double' } as const }),
  itemsMax: fc.integer({ min: 1, max: 10 }),
  limit: fc.integer({ min: 1, max: 12 }),
  seen: fc.array(fc.constantFrom(...ids), { maxLength: 4 }),
  context: fc.record(
    { age: fc.integer({ min: 0, max: 30 }), max: fc.integer({ min: 0, max: 5 }) },
    { requiredKeys: [] },
  ),
})

function holds(
  property: (
    small: Required<
      Omit<SmallDecision, 'visitor' | 'at' | 'totals' | 'memory' | 'explore' | 'decisionId'>
    > &
      Visit,
  ) => void,
) {
  fc.assert(fc.property(decision, property), { numRuns: 500 })
}

const active = (small: Pick<SmallDecision, 'rules'> & Visit) =>
  small.rules.filter(({ when, effect }) => isOn(when, small.context, effect))

function isHidden(item: ItemFacts, small: Pick<SmallDecision, 'rules'> & Visit): boolean {
  return active(small).some((rule) => {
    if (rule.effect !== 'filter') return false
    const [, means] = filters.find(([keep]) => keep === rule.keep) as (typeof filters)[number]
    return means(item, small) !== true
  })
}

describe('the rules of a placement hold, whoever named an item', () => {
  it('nothing appears that a filter that is on does not keep', () => {
    holds((small) => {
      for (const { id } of decide(small).items) {
        const facts = small.catalogue.find((item) => item.id === id) ?? { id }
        expect(isHidden(facts, small), `${id} is hidden`).toBe(false)
      }
    })
  })

  it('no item appears twice, and no more of them than were asked for or are allowed', () => {
    holds((small) => {
      const { items } = decide(small)
      expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
      expect(items.length).toBeLessThanOrEqual(Math.min(small.limit, small.itemsMax))
    })
  })

  it('no category is over the first cap that is on', () => {
    holds((small) => {
      const cap = active(small).find(({ effect }) => effect === 'category-cap')
      const itemsMax = cap?.effect === 'category-cap' ? cap.itemsMax : 100
      const { items } = decide(small)
      for (const category of ['x', 'y', 'z']) {
        const shown = items.filter((item) => item.category === category)
        expect(shown.length).toBeLessThanOrEqual(itemsMax)
      }
    })
  })

  it('a pin is at its place, or before it where the answer is shorter, unless a rule hides it', () => {
    holds((small) => {
      const [pin] = active(small).filter((rule) => rule.effect === 'pin')
      const facts = small.catalogue.find(({ id }) => id === pin?.item)
      if (!pin || !facts || isHidden(facts, small)) return
      if (pin.position > Math.min(small.limit, small.itemsMax)) return
      const shown = decide(small).items
      const at = shown.findIndex(({ id }) => id === pin.item)
      expect(at).toBeGreaterThanOrEqual(0)
      expect(at).toBeLessThan(pin.position)
      if (shown.length === Math.min(small.limit, small.itemsMax)) expect(at).toBe(pin.position - 1)
    })
  })

  it('no place stays empty that an item which no rule hides could fill', () => {
    holds((small) => {
      const rules = small.rules.filter(({ effect }) => effect === 'filter' || effect === 'boost')
      const offered = new Set([...small.candidates, ...small.popular].map(({ id }) => id))
      const kept = [...offered].filter((id) => {
        const facts = small.catalogue.find((item) => item.id === id) ?? { id }
        return !isHidden(facts, { ...small, rules })
      })
      const { items } = decide({ ...small, rules })
      expect(items.length).toBe(Math.min(small.limit, small.itemsMax, kept.length))
    })
  })

  it('without rules the model comes first, each list in its order', () => {
    holds((small) => {
      const { items } = decide({ ...small, rules: [] })
      const first = small.candidates.map(({ id }) => id)
      const filled = small.popular.map(({ id }) => id).filter((id) => !first.includes(id))
      const most = Math.min(small.limit, small.itemsMax)
      expect(items.map(({ id }) => id)).toEqual([...first, ...filled].slice(0, most))
    })
  })
})

const shelf: ItemFacts[] = [
  { id: 'boot', name: 'Boot', category: 'shoes', price: 90, available: true },
  { id: 'sock', category: 'socks', price: 5 },
  { id: 'lace', category: 'shoes', price: 3 },
  { id: 'odd' },
]
const all = shelf.map(({ id }, at) => ({ id, score: 1 - at / 10 }))
const order = (rules: Rule[], more: Partial<SmallDecision> = {}) =>
  decide({ catalogue: shelf, candidates: all, rules, ...more }).items.map(({ id }) => id)

describe('each rule does what it says', () => {
  it('an item carries what the catalogue knows, and nothing where it knows nothing', () => {
    const { items } = decide({ catalogue: shelf, candidates: [all[0], all[3]] as never, rules: [] })
    expect(items).toEqual([
      { id: 'boot', score: 1, by: 'model', name: 'Boot', category: 'shoes', price: 90 },
      { id: 'odd', score: 0.7, by: 'model' },
    ])
  })

  it('boost, slot and diversity change the order', () => {
    const where = 'item.category == "socks"'
    expect(order([{ name: 'b', effect: 'boost', where, factor: 2 }])[0]).toBe('sock')
    expect(order([{ name: 's', effect: 'slot', where, position: 1 }])[0]).toBe('sock')
    expect(order([{ name: 'd', effect: 'diversity', relevance: 0.5 }])).toEqual([
      'boot',
      'sock',
      'odd',
      'lace',
    ])
  })

  it('a rule that fails has its stated outcome, and is counted', () => {
    const decided = decide({
      ...{ catalogue: shelf, candidates: all },
      rules: [
        { name: 'cheap', effect: 'filter', keep: 'item.price < 50' },
        {
          name: 'up',
          effect: 'boost',
          where: 'item.price > 0 && 1 / size(session.items) > 0',
          factor: 9,
        },
      ],
    })
    expect(decided.items.map(({ id, score }) => [id, score])).toEqual([
      ['sock', 0.9],
      ['lace', 0.8],
    ])
    expect(decided.effects).toEqual([
      { name: 'cheap', effect: 'filter', on: true, failures: 1, items: ['boot', 'odd'] },
      { name: 'up', effect: 'boost', on: true, failures: 2, items: [] },
    ])
  })

  it('business hours are those of the visitor, and of the policy where the zone is none', () => {
    const rules: Rule[] = [
      {
        name: 'open',
        effect: 'pin',
        item: 'odd',
        position: 1,
        when: 'time.hour >= 20 && time.weekday == 1',
      },
    ]
    const shown = (timezone: string) => order(rules, { context: { timezone } })[0]
    expect(shown('Asia/Tokyo')).toBe('odd')
    expect(shown('Europe/Paris')).toBe('boot')
    expect(shown('Mars/Olympus')).toBe('boot')
    const declared = { timeZone: 'Asia/Tokyo' }
    expect(order(rules, { declared, context: { timezone: 'Mars/Olympus' } })[0]).toBe('odd')
  })

  it('a visitor keeps its variant, and the variants have their parts', () => {
    const declared = { experiments: { laces: { variants: { plain: 75, first: 25 } } } }
    const rules: Rule[] = [
      { name: 'l', effect: 'pin', item: 'lace', position: 1, when: 'variant.laces == "first"' },
    ]
    const first = (visitor: string) => order(rules, { declared, visitor })[0] === 'lace'
    const visitors = Array.from({ length: 2_000 }, (_, number) => `a:${number}`)
    const chosen = visitors.filter(first)
    expect(chosen.every(first)).toBe(true)
    expect(chosen.length / visitors.length).toBeGreaterThan(0.21)
    expect(chosen.length / visitors.length).toBeLessThan(0.29)
    expect(chosen.slice(0, 3)).toEqual(['a:9', 'a:11', 'a:13'])
  })

  it('what a visitor did lately is told by windows', () => {
    const rules: Rule[] = [
      { name: 'slow', effect: 'filter', keep: 'totals.views1m < 30 || totals.spend30d > 99.5' },
    ]
    expect(order(rules, { totals: { views1m: 29 } })).toHaveLength(4)
    expect(order(rules, { totals: { views1m: 30 } })).toHaveLength(0)
    expect(order(rules, { totals: { views1m: 30, spend30d: 99.51 } })).toHaveLength(4)
  })

  it('a context field of another type than declared counts as missing', () => {
    const rules: Rule[] = [{ name: 'adult', effect: 'filter', keep: 'context.age >= 18' }]
    const declared = { context: { age: 'int' } as const }
    expect(order(rules, { declared, context: { age: 30 } })).toHaveLength(4)
    expect(order(rules, { declared, context: { age: '30' } })).toHaveLength(0)
    expect(order(rules, { declared, context: { age: 30.5 } })).toHaveLength(0)
  })
})
