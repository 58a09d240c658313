import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { carriedModels } from '#hub/judging/carried.ts'
import { composeRelease } from '#hub/judging/compose-release.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { readPolicy } from '#hub/policies/read-policy.ts'
import { liveRelease } from '#hub/publishing/live-release.ts'
import { retrain } from '#hub/retrain.ts'
import { learnModels } from '#hub/training/learned/learn-models.ts'
import type { Policy } from '#shared/policy.ts'
import { forecastFromModel } from '#shared/stream/forecast.ts'
import { scoreRow, tabularFromModel } from '#shared/tabular/model.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'
import { pumpOf } from '#test/support/pumps.ts'
import { eventRow } from '../../contract/store-contract.ts'

let hub: TestHub
let policyDir = ''
beforeAll(async () => {
  policyDir = mkdtempSync(join(tmpdir(), 'shelfedge-policies-'))
  const sites = Object.fromEntries(
    ['shop', 'empty'].map((name) => [name, { writeKeys: [`${name}-key`] }]),
  )
  hub = await openTestHub({ SITES: JSON.stringify(sites), POLICY_DIR: policyDir })
})
afterAll(async () => {
  await hub?.close()
  rmSync(policyDir, { recursive: true, force: true })
})

const willBuy = `will-buy: { learns: outcome, after: [Product Viewed], event: Order Completed, features: [
  { name: carts, from: session.carts, type: number, imputed: 0 },
  { name: views, from: session.views, type: number, imputed: 0 } ] }`
const rare = `rare: { learns: outcome, after: [Product Viewed], event: Refund Asked, features: [
  { name: views, from: session.views, type: number, imputed: 0 } ] }`
const policyOf = (...models: string[]) => `
models: { ${models.join(', ')} }
placements:
  help: { kind: segment, model: will-buy, segments: [{ name: likely, when: score > 0.5 }], otherwise: rest }
  refund: { kind: segment, model: ${models.length > 1 ? 'rare' : 'popularity'}, segments: [{ name: s, when: session.views > 3 }], otherwise: rest }
`
function policyIn(models: string): Policy {
  const parsed = parsePolicy(policyOf(models))
  if (!parsed.ok) throw new Error(parsed.mistakes[0]?.sentence)
  return parsed.policy
}

const writePolicy = (text: string, site = 'shop') =>
  writeFileSync(join(policyDir, `${site}.yaml`), text)

/** Who puts something into the cart mostly orders; who does not hardly ever. */
async function insertVisits(from: number, total: number): Promise<void> {
  const rows = Array.from({ length: total }, (_, at) => {
    const [visitor, adds, chance] = [from + at, at % 3 === 0, ((at * 7_919) % 1_000) / 1_000]
    const event = (name: string, minute: number) => {
      const time = new Date(baseMs + (visitor * 10 + minute) * minuteMs).toISOString()
      return {
        ...eventRow('shop', `${visitor} ${minute}`, { visitor: `a:${visitor}`, event: name }),
        ...{ bot: false, timestamp: time, received_at: time, sequence: minute, items: ['p'] },
      }
    }
    const orders = chance < (adds ? 0.8 : 0.05)
    return [
      ...[event('Product Viewed', 0), ...(adds ? [event('Product Added', 1)] : [])],
      ...[event('Product Viewed', 2), ...(orders ? [event('Order Completed', 3)] : [])],
    ]
  }).flat()
  await hub.environment.store.insert('events', rows, `visits ${from}`)
}

it('a policy that recommends nothing from sessions is live before anything was heard, and once', async () => {
  const ward = `placements: { bed: { kind: alert, event: { pulse: double }, on: [Pulse Measured],
    levels: [{ severity: high, on: event.pulse > 140.0 }] } }`
  writePolicy(ward, 'ward')
  expect(await retrain('ward', 'test', hub.environment)).toMatchObject({ outcome: 'published' })
  expect(await retrain('ward', 'test', hub.environment)).toMatchObject({ outcome: 'unchanged' })
})

it('its models wait for what they learn from, and say so', async () => {
  writePolicy(policyOf(willBuy), 'empty')
  expect(await retrain('empty', 'test', hub.environment)).toMatchObject({
    outcome: 'published',
    models: [{ name: 'will-buy', outcome: 'too_little' }],
  })
})

it('a model is learned and released by its name, also where nothing can be recommended yet', async () => {
  await insertVisits(0, 900)
  writePolicy(policyOf(willBuy, rare))
  const training = await retrain('shop', 'test', hub.environment)
  expect(training).toMatchObject({
    outcome: 'published',
    models: [
      { name: 'will-buy', outcome: 'learned' },
      // It keeps nothing from being published, and its placement goes on without it.
      { name: 'rare', outcome: 'too_little' },
    ],
  })
  const { manifest, models, policy } = (await liveRelease('shop', hub.environment)) as never as {
    manifest: { models: object; training: Record<string, unknown> }
    models: Record<string, Uint8Array>
    policy: { models: object }
  }
  expect(Object.keys(manifest.models)).toEqual(['will-buy'])
  expect(Object.keys(policy.models)).toEqual(['will-buy', 'rare'])
  expect(manifest.training).toMatchObject({
    'will-buy.outcome': 'learned',
    'will-buy.reliability': expect.any(String),
    'rare.reason': expect.stringContaining('40 of each are needed'),
  })
  expect(Number(manifest.training['will-buy.prAuc'])).toBeGreaterThan(
    1.5 * Number(manifest.training['will-buy.baseRate']),
  )
  const model = tabularFromModel(models['will-buy'] as Uint8Array)
  const [likely, unlikely] = [
    scoreRow(model, Float32Array.of(1, 2)),
    scoreRow(model, Float32Array.of(0, 2)),
  ]
  expect(likely).toBeCloseTo(0.8, 1)
  expect(unlikely).toBeCloseTo(0.05, 1)
}, 60_000)

it('the same events and policy make no other release', async () => {
  expect(await retrain('shop', 'test', hub.environment)).toMatchObject({ outcome: 'unchanged' })
})

it('the last good model goes on where it tells the same, and not where it tells something else', async () => {
  const before = await liveRelease('shop', hub.environment)
  const hour = '{ name: hour, from: time.hour, type: number, imputed: 12 }'
  const moreFeatures = willBuy.replace('features: [', `features: [ ${hour},`)
  expect(Object.keys(carriedModels(before, policyIn(moreFeatures)).bytes)).toEqual(['will-buy'])
  const other = willBuy.replace('Order Completed', 'Order Returned')
  writePolicy(policyOf(other))
  expect(await retrain('shop', 'test', hub.environment)).toMatchObject({
    ...{ outcome: 'published', models: [{ name: 'will-buy', outcome: 'too_little' }] },
  })
  expect((await liveRelease('shop', hub.environment))?.models).toEqual({})
})

it('a model that the policy no longer has is gone', async () => {
  writePolicy(policyOf(willBuy).replaceAll('will-buy', 'buys'))
  expect(await retrain('shop', 'test', hub.environment)).toMatchObject({ outcome: 'published' })
  const release = await liveRelease('shop', hub.environment)
  expect(Object.keys(release?.models ?? {})).toEqual(['buys'])
}, 60_000)

it('a model of streams is learned from their readings, and carried while it tells of the same', async () => {
  const rows = [1, 2].flatMap((pump) =>
    pumpOf(pump)
      .readings.slice(0, 900)
      .map(({ at, value }, place) => ({
        ...eventRow('shop', `${pump} ${place}`, { visitor: `a:pump ${pump}`, event: 'Level Read' }),
        ...{ timestamp: new Date(at).toISOString(), received_at: new Date(at).toISOString() },
        properties: JSON.stringify({ level: value, pressure: 'none' }),
      })),
  )
  await hub.environment.store.insert('events', rows, 'pumps')
  const pump = (from: string) => `
models: { pump: { learns: stream, after: [Level Read], from: event.${from} } }
placements: { room: { kind: alert, model: pump, levels: [{ severity: odd, on: score > 1.0 }] } }`
  writePolicy(pump('level'))
  expect(await retrain('shop', 'test', hub.environment)).toMatchObject({
    ...{ outcome: 'published', models: [{ name: 'pump', outcome: 'learned' }] },
  })
  const live = await liveRelease('shop', hub.environment)
  expect(live?.manifest.models.pump).toMatchObject({ family: 'forecast', from: 'event.level' })
  const { weights } = forecastFromModel(live?.models.pump as Uint8Array)
  expect(weights.some((weight) => weight !== 0)).toBe(true)
  const policy = (from: string) => {
    const parsed = parsePolicy(pump(from))
    if (!parsed.ok) throw new Error(parsed.mistakes[0]?.sentence)
    return parsed.policy
  }
  expect(Object.keys(carriedModels(live, policy('level')).bytes)).toEqual(['pump'])
  expect(Object.keys(carriedModels(live, policy('pressure')).bytes)).toEqual([])
  // What is no number is no reading.
  writePolicy(pump('pressure'))
  expect(await retrain('shop', 'test', hub.environment)).toMatchObject({
    ...{ outcome: 'published', models: [{ name: 'pump', outcome: 'too_little' }] },
  })
}, 60_000)

it.each([
  ['a store that is away', async () => Promise.reject(new Error('the store is away')), 'is away'],
  [
    'an event that cannot be read',
    async (sql: string) => {
      const event = {
        visitor: 'a:1',
        pop: 'p',
        event: 'Product Viewed',
        timestamp: 1,
        receivedAt: 1,
      }
      return sql.includes('sum(events)')
        ? [{ visitors: 1, events: 1 }]
        : [{ ...event, properties: '{', context: '{}', bot: false, said: '', saidAt: 0 }]
    },
    'JSON',
  ],
])('%s ends the learning and not the training', async (_what, query, reason) => {
  writePolicy(policyOf(willBuy))
  const checked = await readPolicy(policyDir, 'shop')
  const learned = await learnModels(
    'shop',
    (checked as Extract<typeof checked, { ok: true }>).policy,
    { events: 1, untilMs: baseMs },
    null,
    { ...hub.environment, store: { ...hub.environment.store, query: query as never } },
  )
  expect(learned).toMatchObject({ declared: {}, bytes: {} })
  expect(learned.reports).toMatchObject([
    { name: 'will-buy', outcome: 'failed', reason: expect.stringContaining(reason) },
  ])
})

it('nobody brings a model under a name that is learned, nor one that a price must not have', async () => {
  writePolicy(policyOf(willBuy))
  const feature = (from: string) => ({ name: 'x', from, type: 'number', imputed: 0 }) as const
  const live = await liveRelease('shop', hub.environment)
  const push = (name: string, from: string) =>
    composeRelease(
      {
        ...{ site: 'shop', name, version: 1, model: new Uint8Array(10) },
        declared: { family: 'tabular', features: [feature(from)], scores: 1, scoreAt: 0 },
      },
      live,
      hub.environment,
    )
  expect(await push('will-buy', 'session.views')).toMatchObject({
    ...{ ok: false, reason: expect.stringContaining('the hub learns it') },
  })
  const price = `placements: { fare: { kind: price, model: demand, base: '10.0', floor: 1, ceiling: 20, rules: [] } }`
  writePolicy(price)
  expect(await push('demand', 'event.customerAge')).toMatchObject({
    ok: false,
    reason:
      'the model demand cannot be released: the price of fare must not depend on customerAge: it is a protected attribute',
  })
  expect(await push('demand', 'event.daysAhead')).toMatchObject({ ok: true })
})
