import { randomUUID } from 'node:crypto'
import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { RunningMoments } from '#hub/experiments/moments.ts'
import { readVariants } from '#hub/experiments/read-variants.ts'
import { type ExperimentReport, reportExperiment } from '#hub/experiments/report.ts'
import { publishRelease } from '#hub/publishing/publish.ts'
import { Schedule } from '#hub/schedule.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import { variantsOf } from '#shared/policy/variant.ts'
import type { Policy } from '#shared/policy.ts'
import { packRelease } from '#shared/release.ts'
import { adminToken, openTestHub, type TestHub } from '#test/support/hub.ts'
import { smallRelease } from '#test/support/release.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
/** Long enough ago for every window that is asked for to be over. */
const startMs = Date.UTC(2026, 0, 5, 12)
const experiments: Policy['experiments'] = {
  socks: {
    variants: { out: 50, in: 50 },
    visitorsPlanned: 4_000,
    holdout: { variant: 'out', answer: 'nothing', placements: ['product-page'] },
  },
}

let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub()
  app = hubApp(hub.environment, new Schedule(hub.environment))
  const parts = smallRelease({ site: 'shop', sessions: [[0, 1]], itemsTotal: 2 })
  const policy = { ...parts.policy, experiments: experiments }
  const packed = await packRelease({ ...parts, policy })
  const publication = { by: 'ann', why: 'a test', figures: {}, manifest: parts.manifest }
  await publishRelease('shop', packed, publication, hub.environment)
}, 60_000)
afterAll(() => hub?.close())

const iso = (ms: number) => new Date(ms).toISOString()

function event(site: string, visitor: string, name: string, atMs: number, properties = {}) {
  const times = { timestamp: iso(atMs), received_at: iso(atMs) }
  return {
    ...{ site, visitor, message_id: randomUUID(), type: 'track', event: name, ...times },
    ...{ bot: false, properties: JSON.stringify(properties) },
  }
}

function decision(site: string, visitor: string, id: string, atMs: number, variants = {}) {
  return {
    ...{ site, visitor, decision_id: id, at: iso(atMs), placement: 'product-page' },
    ...{ model: 'session-knn', features: JSON.stringify({ variants }), items: [], scores: [] },
  }
}

async function store(events: readonly object[], decisions: readonly object[]) {
  const { store } = hub.environment
  if (events.length > 0) await store.insert('events', events as never, randomUUID())
  if (decisions.length > 0) await store.insert('decisions', decisions as never, randomUUID())
}

async function get<Answer>(path: string): Promise<{ status: number; body: Answer }> {
  const headers = { authorization: `Bearer ${adminToken}` }
  const response = await app.request(path, { headers })
  return { status: response.status, body: (await response.json()) as Answer }
}

describe('decisions, exposures and outcomes in the store', () => {
  const site = 'touched'
  const query = (sql: string) => hub.environment.store.query(sql, {}, { readOnly: true })

  beforeAll(async () => {
    const shown = (visitor: string, id: string, atMs: number) =>
      event(site, visitor, 'Decision Shown', atMs, { decisionId: id })
    await store(
      [
        shown('a:1', 'd1', startMs),
        // The SDK sent it again after a reload: the first time counts.
        shown('a:1', 'd1', startMs + minuteMs),
        shown('a:1', 'd2', startMs + 10 * minuteMs),
        shown('a:1', 'd4', startMs + 40 * minuteMs),
        event(site, 'a:1', 'Order Completed', startMs + 30 * minuteMs, { total: 30 }),
        event(site, 'a:1', 'Order Completed', startMs + 9 * dayMs, { revenue: '99' }),
        { ...event(site, 'a:2', 'Order Completed', startMs + minuteMs, { total: 5 }), bot: true },
      ],
      ['d1', 'd2', 'd3', 'd4'].map((id) => decision(site, 'a:1', id, startMs - minuteMs)),
    )
  })

  it('tell a decision that was shown from one that was only answered', async () => {
    const sql = `SELECT decision_id AS id, shown_at FROM decisions_shown
      WHERE site = '${site}' ORDER BY id`
    expect(await query(sql)).toEqual([
      { id: 'd1', shown_at: iso(startMs) },
      { id: 'd2', shown_at: iso(startMs + 10 * minuteMs) },
      { id: 'd3', shown_at: null },
      { id: 'd4', shown_at: iso(startMs + 40 * minuteMs) },
    ])
  })

  it('give an order to what was shown before it, within the window, by last and by linear touch', async () => {
    const touches = (days: number) =>
      query(`SELECT decision_id AS id, revenue, last_touch AS last, linear_touch AS linear
        FROM touches(days = ${days}) WHERE site = '${site}' ORDER BY revenue, id`)
    expect(await touches(7)).toEqual([
      { id: 'd1', revenue: 30, last: 0, linear: 0.5 },
      { id: 'd2', revenue: 30, last: 1, linear: 0.5 },
    ])
    expect(await touches(10)).toEqual([
      { id: 'd1', revenue: 30, last: 0, linear: 0.5 },
      { id: 'd2', revenue: 30, last: 1, linear: 0.5 },
      ...['d1', 'd2'].map((id) => ({
        id,
        revenue: 99,
        last: 0,
        linear: expect.closeTo(1 / 3, 12),
      })),
      { id: 'd4', revenue: 99, last: 1, linear: expect.closeTo(1 / 3, 12) },
    ])
  })

  it('sum up to what came in, whichever way the orders are shared out', async () => {
    const sql = `SELECT * EXCEPT site FROM returns(days = 10) WHERE site = '${site}'`
    expect(await query(sql)).toEqual([
      {
        ...{ day: '2026-01-05', placement: 'product-page', model: 'session-knn' },
        ...{ decisions: 4, shown: 3, last_orders: 2, last_revenue: 129 },
        linear_orders: expect.closeTo(2, 9),
        linear_revenue: expect.closeTo(129, 9),
      },
    ])
  })

  it.each([
    'persons',
    'orders',
    'decisions_shown',
    'touches(days = 7)',
    'returns(days = 7)',
    'experiment_visitors(days = 7)',
  ])('of one site are found without reading those of another: %s', async (view) => {
    const rowsRead = async (where: string) => {
      const sql = `EXPLAIN ESTIMATE SELECT * FROM ${view} WHERE ${where}`
      const tables = await hub.environment.store.query<{ rows: number }>(sql)
      return tables.reduce((sum, { rows }) => sum + rows, 0)
    }
    // In the order of the tables' key it comes after every site that is there.
    expect(await rowsRead("site = '~'")).toBe(0)
    expect(await rowsRead("site != '~'")).toBeGreaterThan(0)
  })
})

describe('an order', () => {
  const query = (sql: string) => hub.environment.store.query(sql, {}, { readOnly: true })
  const ordered = (site: string) =>
    query(`SELECT person, order_id AS id, ordered_at, revenue FROM orders
      WHERE site = '${site}' ORDER BY person, ordered_at`)
  const completed = (site: string, visitor: string, atMs: number, properties: object) =>
    event(site, visitor, 'Order Completed', atMs, properties)

  it('that the page and the server told, under two message ids, is one', async () => {
    const at = startMs + minuteMs
    await store(
      [
        event('twice', 'a:1', 'Decision Shown', startMs, { decisionId: 'd1' }),
        // A reload: the page told it first without what it came to.
        completed('twice', 'a:1', at, { order_id: 7 }),
        completed('twice', 'a:1', at + 1_000, { order_id: '7', total: 50 }),
        completed('twice', 'a:1', at + 2_000, { order_id: '7', total: 999 }),
      ],
      [decision('twice', 'a:1', 'd1', startMs)],
    )
    expect(await ordered('twice')).toEqual([
      { person: 'a:1', id: '7', ordered_at: iso(at), revenue: 50 },
    ])
    const sql = `SELECT last_orders, linear_orders, last_revenue FROM returns(days = 7)
      WHERE site = 'twice'`
    expect(await query(sql)).toEqual([{ last_orders: 1, linear_orders: 1, last_revenue: 50 }])
  })

  it('without an id that is one is an order each time', async () => {
    const said = [{}, { order_id: '' }, { order_id: null }, { order_id: {} }, { order_id: ' ' }]
    await store(
      [...said, ...said].map((id, at) => completed('nameless', 'a:1', startMs + at, id)),
      [],
    )
    expect(await ordered('nameless')).toHaveLength(10)
  })

  it('of somebody else stays, whoever says its id, and when', async () => {
    const real = completed('hostile', 'a:1', startMs, { order_id: '7', total: 50 })
    const false_ = completed('hostile', 'a:2', startMs - dayMs, { order_id: '7', total: 1 })
    // The same visitor's page dates a forgery back: what came first counts, by the clock of the POP.
    const backdated = completed('hostile', 'a:1', startMs - dayMs, { order_id: '7', total: 1 })
    const late = { ...backdated, received_at: iso(startMs + minuteMs) }
    await store([real, false_, late], [])
    expect(await ordered('hostile')).toMatchObject([
      { person: 'a:1', ordered_at: iso(startMs), revenue: 50 },
      { person: 'a:2', revenue: 1 },
    ])
  })

  it('of a user is that of the devices on which the user was seen', async () => {
    const site = 'person'
    const by = (visitor: string, user_id: string, type = 'identify', traits = {}) => ({
      ...event(site, visitor, '', startMs),
      ...{ type, user_id, traits: JSON.stringify(traits) },
    })
    const visitors = ['a:web1', 'a:app1', 'a:old1', 'a:till', 'a:guest1', 'u:card1']
    await store(
      [
        by('a:web1', 'card1'),
        by('a:app1', 'card1'),
        by('a:app1', 'card1', 'alias', { previousId: 'old1' }),
        // A till is of nobody, and neither is what a whole shop calls itself.
        ...['card1', 'card2'].map((user) => by('a:till', user)),
        ...Array.from({ length: 101 }, (_, number) => by(`a:guest${number}`, 'guest')),
        ...visitors.map((visitor, at) =>
          event(site, visitor, 'Decision Shown', startMs + at, { decisionId: visitor }),
        ),
        completed(site, 'a:web1', startMs + minuteMs, { order_id: '7', total: 50 }),
        {
          ...completed(site, 'u:card1', startMs + 2 * minuteMs, { order_id: '7', total: 50 }),
          user_id: 'card1',
        },
        completed(site, 'u:guest', startMs + minuteMs, { total: 9 }),
      ],
      visitors.map((visitor) => decision(site, visitor, visitor, startMs)),
    )
    expect(await ordered(site)).toMatchObject([
      { person: 'u:card1', id: '7', revenue: 50, ordered_at: iso(startMs + minuteMs) },
      { person: 'u:guest', revenue: 9 },
    ])
    const touches = `SELECT visitor, last_touch AS last, linear_touch AS linear
      FROM touches(days = 7) WHERE site = '${site}' ORDER BY visitor`
    expect(await query(touches)).toEqual([
      { visitor: 'a:app1', last: 0, linear: 0.25 },
      { visitor: 'a:old1', last: 0, linear: 0.25 },
      { visitor: 'a:web1', last: 0, linear: 0.25 },
      { visitor: 'u:card1', last: 1, linear: 0.25 },
    ])
  })
})

describe('an experiment whose visitors turn out to be one person', () => {
  const site = 'joined'
  const at = startMs + 60 * dayMs
  const found = () =>
    readVariants({ site, experiment: 'socks', days: 7, at }, hub.environment.store)

  beforeAll(async () => {
    const orderOf = (visitor: string, atMs: number, total: number) =>
      event(site, visitor, 'Order Completed', atMs, { order_id: `${atMs}`, total })
    await store(
      [
        event(site, 'a:web', 'Product Viewed', startMs - minuteMs),
        // Of another of the person's visitors: it must not stand with the first only because somebody logged in.
        event(site, 'u:card', 'Product Viewed', startMs - minuteMs),
        orderOf('u:card', startMs - dayMs, 20),
        { ...event(site, 'a:web', '', startMs + minuteMs), user_id: 'card' },
        orderOf('a:web', startMs + 2 * dayMs, 50),
        orderOf('u:card', startMs + 2 * dayMs, 50),
        orderOf('u:card', startMs + 3 * dayMs, 7),
        // A crawler that names the user takes nobody out.
        { ...event(site, 'a:crawler', '', startMs), user_id: 'card', bot: true },
      ],
      [
        decision(site, 'a:web', 'd1', startMs, { socks: 'out' }),
        decision(site, 'u:card', 'd2', startMs + dayMs, { socks: 'in' }),
        decision(site, 'a:crawler', 'd3', startMs, { socks: 'in' }),
        decision(site, 'a:other', 'd4', startMs, { socks: 'in' }),
      ],
    )
  })

  it('gives what the person bought, once, to the variant that the person was in first', async () => {
    const [inside, out] = await found()
    expect(out).toMatchObject({ variant: 'out', orders: 2, revenue: { visitors: 1, mean: 57 } })
    expect(inside).toMatchObject({ variant: 'in', orders: 0, revenue: { visitors: 1, mean: 0 } })
  })

  it('holds it against what the visitor did before, and nobody whom a login joins later', async () => {
    const [, out] = await found()
    expect(out?.conversion.covariateMean).toBe(1)
    expect(out?.revenue.covariateMean).toBe(0)
  })

  it('counts visitors for the sample ratio as they were assigned, each by itself', async () => {
    const entered = (await found()).map(({ variant, entered, crossed }) => [
      ...[variant, entered, crossed],
    ])
    expect(entered).toEqual([
      ['in', 2, 0],
      ['out', 1, 0],
    ])
  })
})

describe('an experiment', () => {
  const visitorsTotal = 4_000
  const expected = { in: new RunningMoments(), out: new RunningMoments() }

  beforeAll(async () => {
    const random = seededRandom(5)
    const [events, decisions] = [[] as object[], [] as object[]]
    for (let number = 0; number < visitorsTotal; number++) {
      const visitor = `a:${number}`
      const { socks } = variantsOf({ experiments }, visitor) as { socks: 'in' | 'out' }
      const enteredMs = startMs + number * minuteMs
      decisions.push(decision('shop', visitor, `d-${number}`, enteredMs, { socks }))
      // A second decision changes nothing: the first is when the days begin.
      decisions.push(decision('shop', visitor, `e-${number}`, enteredMs + dayMs, { socks }))
      const spentBefore = random.chance(0.5) ? random.integer(10, 90) : 0
      if (spentBefore > 0) {
        events.push(
          event('shop', visitor, 'Order Completed', enteredMs - dayMs, { total: spentBefore }),
        )
      }
      const spent = random.chance(socks === 'in' ? 0.4 : 0.2) ? spentBefore + 20 : 0
      if (spent > 0) {
        events.push(
          event('shop', visitor, 'Order Completed', enteredMs + 6 * dayMs, { total: spent }),
        )
      }
      // Too late, and too early, to count.
      events.push(
        event('shop', visitor, 'Order Completed', enteredMs + 8 * dayMs, { total: 1_000 }),
        event('shop', visitor, 'Order Completed', enteredMs - 31 * dayMs, { total: 1_000 }),
      )
      expected[socks].add(spent, spentBefore)
    }
    await store(events, decisions)
  }, 60_000)

  it('is summed up by the store as it happened', async () => {
    const at = startMs + 60 * dayMs
    const asked = { site: 'shop', experiment: 'socks', days: 7, at }
    const found = await readVariants(asked, hub.environment.store)
    for (const name of ['in', 'out'] as const) {
      const moments = found.find(({ variant }) => variant === name)?.revenue
      const own = expected[name].moments()
      expect(moments?.visitors).toBe(own.visitors)
      for (const field of Object.keys(own) as (keyof typeof own)[]) {
        expect(moments?.[field]).toBeCloseTo(own[field], 6)
      }
    }
    expect(await readVariants({ ...asked, at: startMs }, hub.environment.store)).toMatchObject([
      { entered: expect.any(Number), revenue: { visitors: 0, mean: 0, variance: 0 } },
      { revenue: { visitors: 0 } },
    ])
  })

  it('is reported: that the parts were kept, what it changed, and what that brought in', async () => {
    const { status, body } = await get<ExperimentReport>('/v1/experiments/socks')
    expect(status).toBe(200)
    expect(body).toMatchObject({ control: 'out', live: true, visitorsPlanned: 4_000 })
    expect(body.sampleRatio).toEqual({ p: 1, kept: true })
    const [inside, out] = body.variants
    expect(out).toMatchObject({ variant: 'out', part: 50, conversion: { uplift: null } })
    const uplift = inside?.conversion.uplift
    expect(uplift?.proven).toBe(true)
    expect(uplift?.difference.low).toBeLessThan(0.2)
    expect(uplift?.difference.high).toBeGreaterThan(0.2)
    expect(inside?.revenue.varianceLeft).toBeLessThan(0.95)
    expect(inside?.revenueBrought?.low).toBeGreaterThan(0)
  })

  it('is listed with who has been in it, and shown to people', async () => {
    const { body } = await get<object[]>('/v1/experiments')
    expect(body).toEqual([
      {
        ...{ experiment: 'socks', live: true, control: 'out' },
        variants: [
          { variant: 'in', visitors: expect.any(Number) },
          { variant: 'out', visitors: expect.any(Number) },
        ],
        ...{ firstAt: iso(startMs), lastAt: expect.any(String) },
      },
    ])
  })

  it.each([
    ['that nobody has been in', '/v1/experiments/none', 404, 'unknown_experiment'],
    ['beside a variant it has not', '/v1/experiments/socks?control=x', 404, 'unknown_variant'],
    ['of no days', '/v1/experiments/socks?days=0', 400, 'invalid_question'],
    ['of a share above 1', '/v1/experiments/socks?alpha=2', 400, 'invalid_question'],
    ['by what is not asked', '/v1/experiments/socks?day=7', 400, 'invalid_question'],
    ['of a site that is none', '/v1/experiments/socks?site=x', 404, 'unknown_site'],
  ])('%s is refused', async (_what, path, status, error) => {
    expect(await get(path)).toMatchObject({ status, body: { error } })
  })
})

it('an experiment whose visitors get lost in one variant is not to be believed', async () => {
  const lost = Array.from({ length: 1_000 }, (_, number) =>
    decision('lossy', `a:${number}`, `d${number}`, startMs, {
      socks: number % 3 === 0 ? 'in' : 'out',
    }),
  )
  // The same release serves as this site's: what is live decides by which parts visitors are counted.
  const { registry, now } = hub.environment
  const [release] = await registry.releases('shop', 1)
  if (release === undefined) throw new Error('nothing is live')
  const moved = { at: new Date(now()), by: 'ann', why: 'a test', share: null }
  await registry.addRelease({ ...release, site: 'lossy' })
  await registry.moveTag({ site: 'lossy', tag: 'live', digest: release.digest, ...moved })
  await store([], lost)
  const question = { days: 7, alpha: 0.05 }
  const report = await reportExperiment('lossy', 'socks', question, hub.environment)
  expect(report.sampleRatio?.kept).toBe(false)
})
