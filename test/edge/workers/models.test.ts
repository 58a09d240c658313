import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { buildForecastModel } from '#models/anomaly/graph.ts'
import { buildDemandModel } from '#models/demand-price/graph.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import type { ForecastDeclaration, TabularModel } from '#shared/model.ts'
import type { Placement } from '#shared/policy.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { windowReading } from '#shared/stream/forecast.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import type { OwnTabularModel } from '#shared/tabular/model.ts'
import { baseMs, rawEvent } from '#test/support/events.ts'
import { smallRelease, tabularModel } from '#test/support/release.ts'
import demand from '../../golden/demand.json' with { type: 'json' }
import golden from '../../golden/forecast.json' with { type: 'json' }
import { startFakeHub } from './fake-hub.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, ownerOf, send } from './pop.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

const small = smallRelease({
  sessions: [
    [0, 1, 2],
    [0, 1],
    [0, 2, 3],
  ],
  itemsTotal: 6,
})

/** The same with a tabular model of these weights (of the views, then of the amount) in a placement. */
function withTabular(...weights: number[]): ReleaseParts {
  const features = tabularModel([
    { name: 'views', from: 'session.views' },
    { name: 'amount', from: 'event.amount' },
  ])
  const model: OwnTabularModel = {
    ...{ kind: 'logistic', weights: Float32Array.from(weights), bias: Float32Array.of(0) },
  }
  const file = buildTabularModel(model, weights.length)
  const review = { kind: 'items' as const, model: 'will-buy', itemsMax: 10, rules: [] }
  return {
    ...small,
    manifest: { ...small.manifest, models: { ...small.manifest.models, 'will-buy': features } },
    models: { ...small.models, 'will-buy': file },
    policy: { ...small.policy, placements: { ...small.policy.placements, review } },
  }
}

function ask(placement: string, properties: object) {
  const events = [
    rawEvent({ messageId: 'older', timestamp: baseMs, properties: { amount: 1 } }),
    rawEvent({ messageId: 'newest', properties: { product_id: 'item-0', ...properties } }),
  ].map((event) => ({ ...event, anonymousId: 'me' }))
  return send('/v1/decide', { placement, anonymousId: 'me', events })
}

async function decisionStored() {
  const hub = startFakeHub()
  await runDurableObjectAlarm(ownerOf('a:me'))
  const records = hub.batches().flatMap((batch) => batch.records as Record<string, unknown>[])
  return records.find((record) => record.kind === 'decision') as Record<string, never>
}

describe('a release with two models', () => {
  it('answers each placement by its own, and stores what the model saw', async () => {
    expect(await packAndPush(withTabular(1, 2))).toMatchObject({ status: 200 })
    const byItems = await ask('product-page', {})
    expect(byItems.body).toMatchObject({ model: 'session-knn', fallback: null })
    await forgetEverything()
    const byRow = await ask('review', { amount: '0.5' })
    expect(byRow.body).toMatchObject({ model: 'will-buy', fallback: null })
    expect((await decisionStored()).features).toMatchObject({ inputs: { views: 1, amount: 0.5 } })
  })

  it('goes on by its popularity where one of them says no number', async () => {
    await packAndPush(withTabular(Number.NaN, 0))
    const label = 'fallback="model_failed"'
    const before = await counter('shelfedge_decisions_total', label)
    const { status, body } = await ask('review', {})
    expect({ status, fallback: body.fallback }).toEqual({ status: 200, fallback: 'model_failed' })
    expect(body.items).toHaveLength(6)
    expect(await counter('shelfedge_decisions_total', label)).toBe(before + 1)
  })

  it('goes on by its rules where the hub has had too little to learn one of them from', async () => {
    const learning = {
      ...{ learns: 'outcome' as const, after: ['Product Viewed'], event: 'Order Completed' },
      features: [{ name: 'v', from: 'session.views', type: 'number' as const, imputed: 0 }],
    }
    const segments = [
      { name: 'likely', when: 'score > 0.5' },
      { name: 'looking', when: 'session.views > 0' },
    ]
    const help = { kind: 'segment' as const, model: 'buys-soon', segments, otherwise: 'rest' }
    const placements = { ...small.policy.placements, help }
    const policy = { ...small.policy, models: { 'buys-soon': learning }, placements }
    expect(await packAndPush({ ...small, policy })).toMatchObject({ status: 200 })
    const { body } = await ask('help', {})
    expect(body).toMatchObject({ model: 'buys-soon', fallback: 'model_missing' })
    expect(body.answer).toMatchObject({ segment: 'looking' })
  })

  it.each([
    ['more columns than its features have', () => withTabular(1, 2, 3)],
    [
      'an element that its score has not',
      () => {
        const parts = withTabular(1, 2)
        const model = { ...parts.manifest.models['will-buy'], scoreAt: 1 }
        const models = { ...parts.manifest.models, 'will-buy': model }
        return { ...parts, manifest: { ...parts.manifest, models } } as ReleaseParts
      },
    ],
  ])('is refused with the name of the one that has %s', async (_what, parts) => {
    const { body: live } = await packAndPush(small)
    expect(await packAndPush(parts())).toMatchObject({
      ...{ status: 422, body: { error: 'model_unloadable' } },
      body: { detail: expect.stringContaining('will-buy') },
    })
    expect((await ask('product-page', {})).body.release).toBe(live.digest)
  })
})

describe('a price that is learned', () => {
  const features = demand.features as Feature[]
  const fare: Placement = {
    ...{ kind: 'price', model: 'demand', event: { fare: 'double' }, base: 'event.fare' },
    ...{ subject: '"seat"', floor: 1, ceiling: 1_000, step: 0.01, heldMs: 0 },
    rules: [
      { name: 'demand', effect: 'factor', by: 'score', when: 'variant.prices == "none"' },
      { name: 'low', effect: 'factor', by: '0.7', when: 'variant.prices == "low"' },
    ],
  }
  const learning = {
    ...{ learns: 'demand' as const, placement: 'fare', withinMs: 1_000, prices: demand.grid },
    ...{ features, bought: { event: 'Booking Completed' } },
    byChance: { experiment: 'prices', variants: ['low', 'high'] },
  }
  const policy = {
    ...small.policy,
    experiments: { prices: { variants: { none: 1, low: 0, high: 0 } } },
    models: { demand: learning },
    placements: { fare },
  }
  const priceOf = async (event: object) => {
    const properties = { ...event, fare: 100 }
    const messageId = JSON.stringify(event)
    const sent = rawEvent({ messageId, anonymousId: 'me', properties })
    const { body } = await send('/v1/decide', {
      ...{ placement: 'fare', anonymousId: 'me', events: [sent] },
    })
    return body as { answer: { price: number }; fallback: string | null }
  }

  it('is by its rules before, and stored with what it is to be learned from', async () => {
    await packAndPush({ ...small, policy })
    expect(await priceOf({ days: '8' })).toMatchObject({
      ...{ fallback: 'model_missing', answer: { price: 100 } },
    })
    const stored = (await decisionStored()) as Record<string, unknown>
    expect(stored.features).toMatchObject({
      ...{ variants: { prices: 'none' }, inputs: { days: 8, route: '' } },
    })
    expect(stored.effects).toMatchObject([
      { name: 'base', amount: 100 },
      { name: 'demand', failures: 1 },
    ])
  })

  it('is what it is in training, what is missing imputed', async () => {
    const { weights, bias, priceWeights, priceBias } = demand.model
    const { from, to, step } = demand.grid
    const prices = Array.from(
      { length: Math.round((to - from) / step) + 1 },
      (_, at) => from + at * step,
    )
    const file = buildDemandModel({
      ...{ weights: Float32Array.from(weights), bias: Float32Array.from(bias) },
      ...{ priceWeights: Float32Array.from(priceWeights), priceBias: Float32Array.from(priceBias) },
      prices: Float32Array.from(prices),
    })
    const model: TabularModel = {
      ...{ family: 'tabular', inputs: ['features'], outputs: ['score'], features, scoreAt: 0 },
    }
    await packAndPush({
      ...{ ...small, policy, models: { ...small.models, demand: file } },
      manifest: { ...small.manifest, models: { ...small.manifest.models, demand: model } },
    })
    for (const { event, price } of demand.asked) {
      const { answer, fallback } = await priceOf(event)
      expect(fallback).toBeNull()
      expect(answer.price).toBeCloseTo(100 * price, 5)
    }
  })
})

describe('a model of a stream', () => {
  const anomaly = { family: 'stream', from: 'event.pulse' } as const
  const alarm: Placement = {
    ...{ kind: 'alert', model: 'anomaly' },
    levels: [{ severity: 'unusual', on: 'score > 1.5', off: 'score < 0.5' }],
  }
  const parts: ReleaseParts = {
    ...small,
    manifest: { ...small.manifest, models: { ...small.manifest.models, anomaly } },
    policy: { ...small.policy, placements: { ...small.policy.placements, alarm } },
  }
  const hourMs = 3_600_000
  const reading = (hour: number, pulse: number) =>
    rawEvent({
      ...{ messageId: `hour-${hour}`, event: 'Pulse Taken', properties: { pulse } },
      timestamp: new Date(baseMs + hour * hourMs).toISOString(),
    })
  const usual = Array.from({ length: 60 }, (_, hour) => reading(hour, 70 + (hour % 5)))
  const told = async (...events: object[]) => {
    const { status, body } = await send('/v1/decide', {
      ...{ placement: 'alarm', anonymousId: 'me' },
      events: events.map((event) => ({ ...event, anonymousId: 'me' })),
    })
    expect(status).toBe(200)
    return body.answer as { severity: string | null; score: number | null }
  }

  it('remembers what is usual from question to question, and says what is not', async () => {
    expect(await packAndPush(parts)).toMatchObject({ status: 200 })
    expect(await told(...usual)).toMatchObject({ severity: null })
    expect(await told(reading(60, 72))).toMatchObject({ severity: null, score: 0 })
    const unusual = await told(reading(61, 140))
    expect(unusual).toMatchObject({ severity: 'unusual' })
    expect(unusual.score).toBeGreaterThan(1.5)
    // Sent again it is no reading, and an alert that cannot be judged stays.
    expect(await told(reading(61, 140))).toMatchObject({ severity: 'unusual', score: null })
    expect(await told(reading(62, 72))).toMatchObject({ severity: null })
  })

  describe('that foretells', () => {
    const learned = { learns: 'stream' as const, after: ['Pulse Taken'], from: 'event.pulse' }
    const { weights } = golden
    const pulse: ForecastDeclaration = {
      ...{ family: 'forecast', inputs: ['window'], outputs: ['foretold'] },
      ...{ from: 'event.pulse', reading: windowReading },
    }
    const policy = {
      ...parts.policy,
      ...{ models: { pulse: learned }, placements: { alarm: { ...alarm, model: 'pulse' } } },
    }
    const file = (all: readonly number[]) =>
      buildForecastModel({ weights: Float32Array.from(all), bias: Float32Array.of(golden.bias) })
    const foretelling = (bytes: Uint8Array): ReleaseParts => ({
      ...{ ...small, policy },
      manifest: { ...small.manifest, models: { ...small.manifest.models, pulse } },
      models: { ...small.models, pulse: bytes },
    })
    const readings = golden.readings.map((value, hour) => reading(hour, value))

    it('scores what was not foretold as it does everywhere, and keeps what it was asked', async () => {
      expect(await packAndPush(foretelling(file(weights)))).toMatchObject({ status: 200 })
      const { score } = await told(...readings)
      expect(score).toBeCloseTo(golden.score, 5)
      const { features, fallback } = (await decisionStored()) as Record<string, unknown>
      expect(fallback).toBeNull()
      expect((features as { forecast: { window: unknown[] } }).forecast.window).toHaveLength(
        weights.length,
      )
    })

    it.each([
      ['is missing', 'model_missing', () => ({ ...small, policy })],
      [
        'says no number',
        'model_failed',
        () => foretelling(file([Number.NaN, ...weights.slice(1)])),
      ],
    ])('goes on by its statistics where the model %s', async (_what, fallback, release) => {
      expect(await packAndPush(release())).toMatchObject({ status: 200 })
      const alone = golden.scoreByStatistics
      expect((await told(...readings)).score).toBeCloseTo(alone, 5)
      expect(await decisionStored()).toMatchObject({
        fallback,
        features: { streamScore: expect.any(Number) },
      })
    })
  })
})
