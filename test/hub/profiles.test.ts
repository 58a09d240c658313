import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { profilesSql } from '#hub/profiles/profile-sql.ts'
import { rowOf } from '#hub/rows.ts'
import { Schedule } from '#hub/schedule.ts'
import { type ProfilesAnswer, type ProfilesQuestion, profilesPath } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { newcomer, type ProfileValues, profileNames } from '#shared/profile.ts'
import { spendOf } from '#shared/session.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'
import { openTestHub, signedRequestTo, type TestHub } from '#test/support/hub.ts'

const dayMs = 86_400_000
const other = { pop: 'p', region: 'r', epoch: 1, sequence: 1, position: 0 }

let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub({ SITES: '{"shop":{"writeKeys":["a"]},"rival":{"writeKeys":["b"]}}' })
  app = hubApp(hub.environment, new Schedule(hub.environment))
})
afterAll(() => hub?.close())

interface Act {
  readonly id: number
  readonly visitor: string
  readonly agoDays: number
  /** How long it waited on its device. */
  readonly lateMinutes: number
  readonly event: string
  readonly category: string | null
  readonly total: number
  readonly bot: boolean
  readonly session: number
}

const act: fc.Arbitrary<Act> = fc.record({
  id: fc.integer({ min: 1, max: 25 }),
  visitor: fc.constantFrom('a:ann', 'u:ben'),
  agoDays: fc.oneof(fc.double({ min: 0, max: 200, noNaN: true }), fc.constantFrom(0, 90)),
  lateMinutes: fc.constantFrom(0, 0, 1, 10, 15, 16, 60_000),
  event: fc.constantFrom('Product Viewed', 'Product Added', 'Order Completed', 'Searched'),
  category: fc.constantFrom('shoes', 'socks', 'hats', null),
  total: fc.integer({ min: 0, max: 30_000 }).map((cents) => cents / 100),
  bot: fc.boolean(),
  session: fc.integer({ min: 1, max: 4 }),
})

function eventOf({ id, agoDays, lateMinutes, event, category, total, bot }: Act) {
  const timestamp = Math.round(baseMs - agoDays * dayMs)
  return shelfEvent({
    ...{
      messageId: `m${id}`,
      event,
      bot,
      timestamp,
      receivedAt: timestamp + lateMinutes * minuteMs,
    },
    properties: { total, ...(category !== null && { category }) },
  })
}

async function store(site: string, acts: readonly Act[]): Promise<void> {
  const rows = acts.map((each) => {
    const placed = { kind: 'event' as const, session: `s${each.session}`, late: false }
    const record = { ...eventOf(each), ...placed, items: [...eventOf(each).items] }
    return rowOf(record, { ...other, site, visitor: each.visitor }).row
  })
  if (rows.length > 0) await hub.environment.store.insert('events', rows, randomUUID())
}

/** What was known of a visitor before a moment, from the events that had come by then: what the store has to say. */
function knownBefore(acts: readonly Act[], visitor: string, asOf: number): ProfileValues {
  const known = acts
    .filter((each) => each.visitor === visitor && !each.bot)
    .map((each) => ({ ...each, ...eventOf(each) }))
    .filter(({ timestamp, receivedAt }) => {
      const isImported = receivedAt - timestamp > limits.triggerAgeMsMax
      return timestamp < asOf && (receivedAt < asOf || isImported)
    })
  if (known.length === 0) return newcomer
  const orders = known.filter(({ event }) => event === 'Order Completed')
  const spent = (all: typeof known) =>
    all.reduce((sum, each) => sum + Math.floor(spendOf(each) * 1_000 + 0.5), 0) / 1_000
  const days = (all: typeof known, pick: (...times: number[]) => number) =>
    (asOf - pick(...all.map(({ timestamp }) => timestamp))) / dayMs
  const tastes = Map.groupBy(
    known.filter(({ category }) => category !== null),
    ({ category }) => category as string,
  )
  const [favourite] = [...tastes]
    .toSorted(([one], [two]) => (one < two ? -1 : 1))
    .toSorted(([, one], [, two]) => two.length - one.length)
  const tasted = [...tastes.values()].flat().length
  return {
    visits: new Set(known.map(({ session }) => session)).size,
    views: known.filter(({ event }) => event === 'Product Viewed').length,
    orders: orders.length,
    spend: spent(orders),
    spend90d: spent(orders.filter(({ timestamp }) => timestamp >= asOf - 90 * dayMs)),
    averageOrderValue: orders.length === 0 ? null : spent(orders) / orders.length,
    daysSinceLastOrder: orders.length === 0 ? null : days(orders, Math.max),
    daysSinceLastVisit: days(known, Math.max),
    tenureDays: days(known, Math.min),
    favouriteCategory: favourite?.[0] ?? null,
    favouriteCategoryShare: favourite ? favourite[1].length / tasted : null,
  }
}

async function ask(question: Partial<ProfilesQuestion>, signing = {}) {
  const whole = { pop: 'pop-1', site: 'shop', visitors: [], ...question }
  const response = await app.request(
    profilesPath,
    await signedRequestTo(profilesPath, whole, signing),
  )
  return { status: response.status, body: (await response.json()) as ProfilesAnswer }
}

/** Of each message id the first, as the store folds them. */
function once(acts: readonly Act[]): Act[] {
  return [...Map.groupBy(acts, ({ id, visitor }) => `${visitor} ${id}`).values()].map(
    ([first]) => first as Act,
  )
}

describe('a profile', () => {
  it('says what the store had of a visitor before a moment, and nothing of later', async () => {
    const moments = fc
      .oneof(fc.integer({ min: -200, max: 1 }), fc.constantFrom(-1 / 1440, 0, 1 / 144, 1 / 96))
      .map((days) => Math.round(baseMs + days * dayMs))
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), moments, async (all, asOf) => {
        const acts = once(all)
        // Events of one run are the next run's strangers: a visitor is told by its key.
        const run = randomUUID()
        const ofRun = acts.map((each) => ({ ...each, visitor: `${each.visitor} ${run}` }))
        await store('shop', ofRun)
        await store('shop', ofRun.slice(0, 5))
        const names = [`a:ann ${run}`, `u:ben ${run}`, `a:nobody ${run}`]
        const { status, body } = await ask({
          visitors: names.map((visitor) => ({ visitor, asOf })),
        })
        expect(status).toBe(200)
        expect(body.profiles).toEqual(
          names.map((visitor) => ({ asOf, values: knownBefore(ofRun, visitor, asOf) })),
        )
      }),
      { numRuns: 25 },
    )
  })

  it('is read by training for each row as of its own moment, by the same SQL', async () => {
    const order = {
      event: 'Order Completed',
      total: 10,
      lateMinutes: 0,
      bot: false,
      category: null,
    }
    const acts = [10, 5, 1].map((agoDays, id) => ({
      ...{ ...order, id, agoDays, session: id, visitor: 'a:trained' },
    }))
    await store('shop', acts)
    const rows = `SELECT visitor, timestamp AS as_of FROM events_once
      WHERE site = {site:String} AND visitor = 'a:trained'`
    const told = await hub.environment.store.query<ProfileValues>(
      `SELECT orders, spend FROM (${profilesSql(rows)}) ORDER BY orders`,
      { site: 'shop' },
    )
    // The first order has no row: nothing is known of before it.
    expect(told).toEqual([
      { orders: 1, spend: 10 },
      { orders: 2, spend: 20 },
    ])
  })

  it('has a value for every name, of a newcomer too', () => {
    expect(Object.keys(newcomer)).toEqual(profileNames)
  })
})

const view = { event: 'Product Viewed', total: 0, lateMinutes: 0, bot: false, category: null }
const seen = { ...view, id: 1, agoDays: 1, session: 1 }
const wanted = (visitor: string) => ({ visitor, asOf: baseMs })

/** Views of a visitor, a minute apart, the newest a minute ago, made by the store. */
async function storeViews(visitor: string, total: number, category: string): Promise<void> {
  await hub.environment.store.query(
    `INSERT INTO events (site, visitor, message_id, type, event, timestamp, received_at, session,
        epoch, sequence, position, items, properties, context, traits, bot)
      SELECT 'shop', {visitor:String}, toString(number), 'track', 'Product Viewed',
        fromUnixTimestamp64Milli({baseMs:Int64} - 60000 * (number + 1), 'UTC') AS at, at,
        's1', 1, number, 0, ['i'], concat('{"category":"', ${category}, '"}'), '{}', '{}', false
      FROM numbers({total:UInt32})`,
    { visitor, total, baseMs },
  )
}

describe('what a visitor likes', () => {
  it('is what it met lately, and no more than a name: it takes profiles from nobody', async () => {
    await storeViews('a:flood', 6_000, "concat(toString(number), repeat('x', 30000))")
    await storeViews('a:turned', 1_000, "if(number < 60, 'new', if(number < 90, 'old', 'older'))")
    await store('shop', [{ ...seen, visitor: 'a:calm', category: 'hats' }])
    const visitors = ['a:flood', 'a:turned', 'a:calm'].map(wanted)
    const { status, body } = await ask({ visitors })
    expect(status).toBe(200)
    expect(body.profiles.map((profile) => profile?.values)).toMatchObject([
      { views: 6_000, favouriteCategory: null, favouriteCategoryShare: null },
      { views: 1_000, favouriteCategory: 'new', favouriteCategoryShare: 0.6 },
      { views: 1, favouriteCategory: 'hats', favouriteCategoryShare: 1 },
    ])
  })
})

describe('the route of profiles', () => {
  it('tells a site of its own visitors alone', async () => {
    await store('rival', [{ ...seen, visitor: 'a:shared' }])
    const { body } = await ask({ visitors: [wanted('a:shared')] })
    expect(body.profiles).toEqual([{ asOf: baseMs, values: newcomer }])
    const rival = await ask({ site: 'rival', visitors: [wanted('a:shared')] })
    expect(rival.body.profiles[0]?.values).toMatchObject({ views: 1 })
  })

  it.each([
    ['a stranger', {}, { secret: 'another secret, which is long enough to be one' }, 401],
    ['a site it has not', { site: 'nobody' }, {}, 409],
    ['nobody', { visitors: [] }, {}, 422],
    [
      'too many at once',
      { visitors: Array(limits.profileBatchMax + 1).fill(wanted('a:1')) },
      {},
      422,
    ],
    ['a key too long', { visitors: [wanted(`a:${'x'.repeat(300)}`)] }, {}, 422],
    ['no moment', { visitors: [{ visitor: 'a:1', asOf: Number.NaN }] }, {}, 422],
  ])('refuses %s', async (_what, question, signing, status) => {
    expect((await ask({ visitors: [wanted('a:1')], ...question }, signing)).status).toBe(status)
  })

  it('tells nothing of somebody who is being erased', async () => {
    await store('shop', [{ ...seen, visitor: 'a:gone' }])
    const { erasures } = hub.environment
    const order = { site: 'shop', visitor: 'a:gone', at: new Date(baseMs), by: 'operator' }
    erasures.set({ ...order, number: 1, confirmations: [] })
    const visitors = [wanted('a:gone'), wanted('a:stays')]
    const { body } = await ask({ visitors })
    expect(body.profiles.map((profile) => profile === null)).toEqual([true, false])
  })
})
