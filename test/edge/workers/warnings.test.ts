import { afterEach, describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import type { Policy } from '#shared/policy.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, send, sendBatch } from './pop.ts'

afterEach(forgetEverything)

interface Told {
  readonly code: string
  readonly detail: string
}
const warningsOf = ({ body }: { readonly body: Record<string, unknown> }) =>
  body.warnings as Told[] | undefined
const detailsOf = (answer: Parameters<typeof warningsOf>[0]) =>
  warningsOf(answer)?.map(({ detail }) => detail)

const question = { placement: 'product-page', anonymousId: 'me' }
const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })
const policy: Policy = {
  ...release.policy,
  context: { budget: 'double', isMember: 'bool' },
  placements: {
    ...release.policy.placements,
    fraud: {
      ...{ kind: 'verdict', unsure: 'review', on: ['Payment Submitted'] },
      event: { amount: 'double', cardCountry: 'string' },
      rules: [{ name: 'large', verdict: 'block', when: 'event.amount > 1000.0' }],
    },
  },
}
const push = () => packAndPush({ ...release, policy })
const payment = (properties: object) =>
  rawEvent({ event: 'Payment Submitted', messageId: crypto.randomUUID(), properties })

describe('an answer to what is understood', () => {
  it('has no warnings: neither a question, nor a batch, nor a single event', async () => {
    await push()
    const context = { budget: 5, isMember: true, timezone: 'Europe/Paris' }
    const events = [rawEvent({ anonymousId: 'me' }), payment({ amount: 5, cardCountry: 'FR' })]
    const answers = [
      await send('/v1/decide', { ...question, writeKey: 'demo', context, limit: 2, events }),
      await send('/v1/recommendations?anonymousId=me&writeKey=demo&limit=2&_=1764'),
      await sendBatch([rawEvent({ messageId: 'm2' }), payment({ amount: 5, cardCountry: null })]),
      await send('/v1/track', rawEvent({ messageId: 'm3' })),
    ]
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body).not.toHaveProperty('warnings')
    }
  })

  it('has none of what the SDKs of Segment put around an event', async () => {
    const around = {
      ...{ _metadata: { bundled: [] }, integrations: {}, writeKey: 'demo', channel: 'web' },
      ...{ sentAt: '2026-01-05T12:00:00Z', receivedAt: '2026-01-05T12:00:00Z', version: 2 },
      context: { library: { name: 'analytics.js' } },
    }
    const batch = [{ ...rawEvent(), ...around, category: 'shoes' }]
    const body = { batch, ...around, messageId: 'b', timestamp: '2026-01-05T12:00:00Z' }
    expect(warningsOf(await send('/v1/batch', body))).toBeUndefined()
    const single = { ...rawEvent({ messageId: 'm2' }), ...around }
    expect(warningsOf(await send('/v1/track', single))).toBeUndefined()
  })
})

describe('an answer warns', () => {
  it('of what a question says where nothing reads it, and where it belongs', async () => {
    await push()
    const asked = { ...question, limt: 3, budget: 5, event: 'Product Viewed', productId: 'x' }
    const answer = await send('/v1/decide', asked)
    expect(answer.status).toBe(200)
    expect(warningsOf(answer)).toEqual([
      {
        code: 'unknown_field',
        detail: 'limt is no field of a question; did you mean limit?',
      },
      {
        code: 'unknown_field',
        detail: 'budget is no field of a question; it belongs in "context"',
      },
      {
        code: 'unknown_field',
        detail:
          'event is no field of a question; events go into the list "events"; did you mean events?',
      },
      {
        code: 'unknown_field',
        detail:
          'productId is no field of a question; an event of "events" says it in "properties", as product_id',
      },
    ])
  })

  it('has none of a context that a model is to learn from before there is one', async () => {
    const features = [
      { name: 'device', from: 'context.device', type: 'text' as const, categories: ['till'] },
    ]
    const demand = {
      ...{ learns: 'demand' as const, placement: 'fare', withinMs: 1_000, features },
      ...{ prices: { from: 0.5, to: 2, step: 0.1 }, bought: { event: 'Order Completed' } },
      byChance: { experiment: 'prices', variants: ['low', 'high'] },
    }
    const fare = {
      ...{ kind: 'price' as const, model: 'demand', base: '100.0', subject: '"seat"' },
      ...{ floor: 1, ceiling: 1_000, step: 0.01, heldMs: 0 },
      rules: [
        { name: 'low', effect: 'factor' as const, by: '0.7', when: 'variant.prices == "low"' },
      ],
    }
    const asking = {
      ...{ ...policy, models: { demand }, placements: { ...policy.placements, fare } },
      experiments: { prices: { variants: { none: 0, low: 1, high: 1 } } },
    }
    expect((await packAndPush({ ...release, policy: asking })).status).toBe(200)
    const asked = { ...question, placement: 'fare', context: { device: 'till', devise: 'till' } }
    expect(detailsOf(await send('/v1/decide', asked))).toEqual([
      'context.devise is read by nothing: the policy does not declare it; did you mean device?',
    ])
  })

  it('of a context that the policy does not declare, or declares as another type', async () => {
    await push()
    const context = { Budget: 5, budget: '5', isMember: null, device: 'till', timezone: 'Mars' }
    expect(warningsOf(await send('/v1/decide', { ...question, context }))).toEqual([
      {
        code: 'unknown_field',
        detail:
          'context.Budget is read by nothing: the policy does not declare it; did you mean budget?',
      },
      {
        code: 'unknown_field',
        detail: 'context.device is read by nothing: the policy does not declare it',
      },
      {
        code: 'wrong_type',
        detail: 'context.budget is declared as a number and is "5", so it was left out',
      },
      {
        code: 'wrong_type',
        detail: 'context.timezone is "Mars", which is no IANA time zone; it is UTC here',
      },
    ])
  })

  it('of parameters of an address that nothing reads', async () => {
    const path = '/v1/recommendations?anonymousId=me&placment=product-page&context=x'
    expect(detailsOf(await send(path))).toEqual([
      'placment is no parameter of this address; did you mean placement?',
      'context is no parameter of this address; POST /v1/decide takes a context',
    ])
  })

  it('of an event that names no item, and of fields beside its properties; once for a batch', async () => {
    const views = ['m1', 'm2', 'm3'].map((messageId) =>
      rawEvent({ messageId, productId: 'item-1', properties: { productId: 'item-1' } }),
    )
    const answer = await send('/v1/batch', { batch: views, site: 'demo' })
    expect(answer.body).toMatchObject({ accepted: 3, rejected: [] })
    expect(warningsOf(answer)).toEqual([
      { code: 'unknown_field', detail: 'site is no field of a batch' },
      {
        code: 'unknown_field',
        detail:
          'batch[0].productId is no field of an event; what is its own belongs in "properties", as product_id',
      },
      {
        code: 'no_item',
        detail:
          'batch[0].properties have no product_id (productId is there: did you mean product_id?), so "Product Viewed" is about no item',
      },
    ])
  })

  it('of an event by itself, by its own path, and of an order without a sum', async () => {
    const order = { event: 'Order Completed', properties: { Total: 5, products: [{ id: 'a' }] } }
    const answer = await send('/v1/track', rawEvent({ ...order, usrId: 'me' }))
    expect(warningsOf(answer)?.map(({ code }) => code)).toEqual([
      'unknown_field',
      'no_item',
      'no_total',
    ])
    expect(detailsOf(answer)).toEqual([
      'usrId is no field of an event; what is its own belongs in "properties"; did you mean userId?',
      'properties.products have no product_id, so "Order Completed" is about no item',
      'properties say neither total nor revenue as a number (Total is there: did you mean total?), so "Order Completed" counts as 0',
    ])
  })

  it('of a declared property of another type, where the event is asked about and where it sets off', async () => {
    await push()
    const properties = { amount: '5000', card_country: 'FR' }
    const expected = [
      'properties.amount of "Payment Submitted" is declared by fraud as a number and is "5000", so it was left out',
      'properties of "Payment Submitted" have no cardCountry, which fraud declares (card_country is there: did you mean cardCountry?)',
    ]
    expect(detailsOf(await sendBatch([payment(properties)]))).toEqual(expected)
    const events = [payment(properties)]
    const asked = { placement: 'fraud', anonymousId: 'visitor-1', events }
    expect(detailsOf(await send('/v1/decide', asked))).toEqual(expected)
  })

  it('of a context that an event brings to what it sets off, where it is of another type', async () => {
    await push()
    const bought = payment({ amount: 5, cardCountry: 'FR' })
    const page = { url: 'https://shop.example/' }
    const { body } = await sendBatch([{ ...bought, context: { budget: 'low', page } }])
    expect(body).toHaveProperty('decisions')
    expect(warningsOf({ body })).toEqual([
      {
        code: 'wrong_type',
        detail: 'context.budget is declared as a number and is "low", so it was left out',
      },
    ])
  })

  it('of nothing about an event that was refused, which says so itself', async () => {
    const answer = await sendBatch([rawEvent({ messageId: undefined, productId: 'x' })])
    expect(answer.body).toMatchObject({ accepted: 0, rejected: [{ index: 0 }] })
    expect(warningsOf(answer)).toBeUndefined()
  })

  it('no more often than somebody reads, of names cut short, and counts what it told by code', async () => {
    const series = 'shelfedge_warnings_total{code="unknown_field"}'
    const before = await counter(series)
    const many = Array.from({ length: 5_000 }, (_, at) => [`x${at}${'y'.repeat(60)}`, at])
    const answer = await send('/v1/decide', { ...question, ...Object.fromEntries(many) })
    expect(warningsOf(answer)).toHaveLength(limits.warningsMax)
    for (const detail of detailsOf(answer) ?? []) expect(detail.length).toBeLessThan(100)
    expect(await counter(series)).toBe(before + limits.warningsMax)
  })
})
