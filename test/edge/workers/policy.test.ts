import { afterEach, describe, expect, it } from 'vitest'
import type { Policy, Rule } from '#shared/policy.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, ownerOf, send } from './pop.ts'

afterEach(forgetEverything)

const release = smallRelease({
  sessions: [
    [0, 1, 2],
    [0, 1],
    [0, 2, 3],
  ],
  itemsTotal: 6,
})
const priced = release.catalogue.items.map((item, at) => (at < 4 ? { ...item, price: at } : item))

function withRules(rules: Rule[], declared: Partial<Policy> = {}) {
  const placements = Object.fromEntries(
    (['session-knn', 'popularity'] as const).map((model) => [
      model,
      { kind: 'items' as const, model, itemsMax: 10, rules },
    ]),
  )
  const policy = { ...release.policy, ...declared, placements }
  return { ...release, policy, catalogue: { items: priced } }
}

async function ask(placement: string, views: readonly string[], context = {}) {
  const events = views.map((item) =>
    rawEvent({ messageId: `m-${item}`, anonymousId: 'me', properties: { product_id: item } }),
  )
  const question = { placement, anonymousId: 'me', events, context }
  const { status, body } = await send('/v1/decide', question, { key: 'demo' })
  return { status, body, ids: ((body.items ?? []) as { id: string }[]).map(({ id }) => id) }
}

describe('the rules of a release', () => {
  const declared = { context: { budget: 'double' as const } }
  const rules: Rule[] = [
    { name: 'affordable', effect: 'filter', keep: 'item.price <= context.budget' },
    { name: 'three-first', effect: 'pin', item: 'item-3', position: 1 },
  ]

  it('hold for the model, for popularity, and for a visitor nothing is known of', async () => {
    await packAndPush(withRules(rules, declared))
    const byModel = await ask('session-knn', ['item-0'], { budget: 2 })
    expect(byModel.body).toMatchObject({ model: 'session-knn', fallback: null })
    expect(byModel.ids.toSorted()).toEqual(['item-0', 'item-1', 'item-2'])
    const byPopularity = await ask('popularity', [], { budget: 3 })
    expect(byPopularity.body).toMatchObject({ model: 'popularity', fallback: null })
    expect(byPopularity.ids).toEqual(['item-3', 'item-0', 'item-1', 'item-2'])
    await forgetEverything()
    await packAndPush(withRules(rules, declared))
    const unknown = await ask('session-knn', [], { budget: 0 })
    expect(unknown).toMatchObject({ ids: ['item-0'], body: { fallback: 'unknown_visitor' } })
  })

  it('that fail hide what they would have judged, are counted, and the decision goes on', async () => {
    await packAndPush(withRules(rules, declared))
    const name = 'shelfedge_rule_failures_total{effect="filter"}'
    const before = await counter(name)
    const { status, ids } = await ask('popularity', [])
    expect({ status, ids }).toEqual({ status: 200, ids: [] })
    expect(await counter(name)).toBeGreaterThan(before)
  })

  it('that cannot be compiled keep their release out, and say why', async () => {
    await packAndPush(withRules([]))
    const bad = await packAndPush(
      withRules([{ name: 'x', effect: 'filter', keep: 'item.prise < 5' }]),
    )
    expect(bad).toMatchObject({ status: 422, body: { error: 'policy_invalid' } })
    expect(bad.body.detail).toContain('rules.0.keep: No such key: prise')
    expect((await ask('popularity', [])).ids).toHaveLength(6)
  })
})

describe('what a visitor was shown', () => {
  const twice: Rule[] = [
    { name: 'twice', effect: 'frequency-cap', shownMax: 2, windowMs: 3_600_000 },
  ]

  it('is not shown past its cap: by the model, by popularity, or to somebody nothing is known of', async () => {
    await packAndPush(withRules(twice))
    for (const [placement, views] of [
      ['session-knn', ['item-0']],
      ['popularity', []],
    ] as const) {
      const shown = [
        await ask(placement, views),
        await ask(placement, []),
        await ask(placement, []),
      ]
      expect(shown.map(({ ids }) => ids.length)).toEqual([6, 6, 0])
    }
    await forgetEverything()
    await packAndPush(withRules(twice))
    const unknown = [1, 2, 3].map(() => ask('session-knn', []))
    const answers = await Promise.all(unknown)
    expect(answers.map(({ body }) => body.fallback)).toEqual(Array(3).fill('unknown_visitor'))
    // At the same moment: two of them have everything, one has nothing.
    expect(answers.map(({ ids }) => ids.length).toSorted()).toEqual([0, 6, 6])
  })

  it('is told in an export, and erased with the visitor', async () => {
    await packAndPush(withRules(twice))
    await ask('popularity', [])
    const name = { site: 'demo', visitor: 'a:me' }
    const told = await ownerOf('a:me').describe(name, null)
    expect(JSON.stringify(told)).toContain('["item-5",')
    await ownerOf('a:me').erase(name)
    expect((await ask('popularity', [])).ids).toHaveLength(6)
    expect((await ask('popularity', [])).ids).toHaveLength(6)
  })
})

describe('a holdout', () => {
  const pin: Rule = { name: 'three-first', effect: 'pin', item: 'item-3', position: 1 }
  const holdOut = (answer: 'popularity' | 'nothing', placements: string[]): Partial<Policy> => ({
    experiments: {
      socks: { variants: { in: 0, out: 1 }, holdout: { variant: 'out', answer, placements } },
    },
  })

  it('answers with nothing, not even a pin, where the policy says so', async () => {
    await packAndPush(withRules([pin], holdOut('nothing', ['session-knn'])))
    const held = await ask('session-knn', ['item-0'])
    expect(held).toMatchObject({ ids: [], body: { model: 'none', fallback: 'holdout' } })
    const elsewhere = await ask('popularity', [])
    expect(elsewhere.body).toMatchObject({ model: 'popularity', fallback: null })
    expect(elsewhere.ids[0]).toBe('item-3')
  })

  it('answers with what is popular, by the same rules', async () => {
    await packAndPush(withRules([pin], holdOut('popularity', ['session-knn'])))
    const { body, ids } = await ask('session-knn', ['item-0'])
    expect(body).toMatchObject({ model: 'popularity', fallback: 'holdout' })
    expect(ids).toEqual(['item-3', 'item-0', 'item-1', 'item-2', 'item-4', 'item-5'])
  })
})

describe('a question', () => {
  it.each([['text'], [[1]], [{ blob: 'x'.repeat(20_000) }]])(
    'with a context that is none is refused',
    async (context) => {
      const { status, body } = await ask('product-page', [], context as object)
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_question' })
    },
  )
})
