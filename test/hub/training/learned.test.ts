import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowOf } from '#hub/rows.ts'
import { type ChdbStore, openChdbStore } from '#hub/store/chdb-store.ts'
import { timestamp } from '#hub/store/timestamp.ts'
import { learningBounds } from '#hub/training/learned/bounds.ts'
import { type Asking, RowGatherer, rowsOf } from '#hub/training/learned/learn-rows.ts'
import { readHeard, readHistories } from '#hub/training/learned/read-histories.ts'
import { replayHistory, type StoredEvent } from '#hub/training/learned/replay-history.ts'
import { RowSample } from '#hub/training/learned/sample-rows.ts'
import { trainRows } from '#hub/training/learned/train-rows.ts'
import type { ShelfRecord } from '#shared/contract.ts'
import type { RowLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import { timeIn } from '#shared/policy/time.ts'
import type { Policy } from '#shared/policy.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import { type OwnTabularModel, scoreRow } from '#shared/tabular/model.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { totalNames } from '#shared/totals.ts'
import { arbitraryTraffic } from '#test/support/arbitrary-traffic.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'
import { eventRow } from '../../contract/store-contract.ts'

let directory = ''
let store: ChdbStore

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-learned-'))
  store = openChdbStore({ directory })
  await store.migrate()
})

afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const dayMs = 24 * 60 * minuteMs
const number = (from: string): Feature => ({ name: from, from, type: 'number', imputed: -1 })
const after = ['Product Viewed', 'Order Completed']
const outcome = (
  changes: Partial<Extract<RowLearning, { learns: 'outcome' }>> = {},
): RowLearning => ({
  ...{ learns: 'outcome', after, event: 'Order Completed', features: [number('session.views')] },
  ...changes,
})

/** Every visitor whom a model would be learned from, whole. */
async function historiesOf(site: string, learning: RowLearning): Promise<StoredEvent[][]> {
  const { pages } = await readHistories(store, site, learning, await readHeard(store, site))
  const found: StoredEvent[][] = []
  for await (const page of pages) found.push(...Map.groupBy(page, (each) => each.visitor).values())
  return found
}

describe('a row to learn from', () => {
  const features = [
    ...['events', 'views', 'carts', 'purchases', 'spend', 'lengthMs'].map((of) => `session.${of}`),
    ...totalNames.map((name) => `totals.${name}`),
    ...['event.total', 'time.hour', 'time.minute', 'time.weekday'],
  ].map(number)
  const timeZone = 'Europe/Berlin'

  it('is the row that the POP made, to the bit', async () => {
    const visitors = fc.array(arbitraryTraffic, { minLength: 1, maxLength: 10 })
    let compared = 0
    await fc.assert(
      fc.asyncProperty(visitors, async (traffic) => {
        const site = randomUUID()
        const cores = { p: coreOn(sqliteStorage()), q: coreOn(sqliteStorage()) }
        const served = new Map<string, Float32Array>()
        for (const [number, events] of traffic.entries()) {
          const taken = { p: 0, q: 0 }
          for (const [at, { messageId: _, ...event }] of events.entries()) {
            const { receivedAt, properties } = event
            // Who travels is known to each POP by what came to it.
            const pop = (number + at) % 3 === 0 ? 'q' : 'p'
            const core = cores[pop]
            const visitor = `a:${number}`
            const request = requestOf([{ ...event, messageId: `${at}` }], {
              ...{ site, visitor, receivedAt },
            })
            core.forget(receivedAt - limits.visitorRetentionMs, receivedAt)
            const { session, totals } = core.look(request)
            const { hour, minute, weekday } = timeIn(timeZone, receivedAt)
            const time = { hour: Number(hour), minute: Number(minute), weekday: Number(weekday) }
            const facts = { session, totals, event: properties, context: {}, time }
            served.set(
              `${visitor} ${pop} ${taken[pop]++}`,
              encodeFeatures(features, readFeatures(features, facts)),
            )
            core.commit([request], receivedAt, noAlarm)
          }
        }
        const rows = Object.entries(cores).flatMap(([pop, core]) =>
          batchesOf(core).flatMap(({ records, visitor, epoch, sequence }) => {
            const place = { site, visitor, epoch, sequence, position: 0, pop, region: 'r' }
            return records.map((record) => rowOf(record as ShelfRecord, place).row)
          }),
        )
        await store.insert('events', rows, randomUUID())
        const { untilMs } = await readHeard(store, site)
        for (const history of await historiesOf(site, outcome({ features }))) {
          const { moments } = replayHistory(history, {
            ...{ after, timeZone, idleMsMax: limits.sessionIdleMsDefault, declared: {} },
          })
          for (const { index, facts } of moments) {
            const event = history[index] as StoredEvent
            // A POP is asked of what happens now; before that the store is not read from.
            if (event.receivedAt - event.timestamp > limits.triggerAgeMsMax) continue
            if (event.timestamp < untilMs - learningBounds.days * dayMs) continue
            const row = encodeFeatures(features, readFeatures(features, facts))
            const before = history.slice(0, index).filter(({ pop }) => pop === event.pop)
            expect(row).toEqual(served.get(`${event.visitor} ${event.pop} ${before.length}`))
            compared++
          }
        }
      }),
      { numRuns: 20 },
    )
    expect(compared).toBeGreaterThan(100)
  }, 120_000)

  it('of an event that sets off a decision has of its context what the policy declares, and its hour', () => {
    const context = { ward: 'icu', bed: 7, library: { name: 'sdk' }, timezone: 'Asia/Tokyo' }
    const history = [stored('Product Viewed', 0, { context: JSON.stringify(context) })]
    const factsOf = (declared: Policy['context'] | null) =>
      replayHistory(history, {
        ...{ after, timeZone: 'UTC', idleMsMax: limits.sessionIdleMsDefault, declared },
      }).moments[0]?.facts
    const { ward, timezone } = context
    const triggered = factsOf({ ward: 'string', bed: 'string' })
    expect(triggered?.context).toEqual({ ward, timezone })
    const asked = factsOf(null)
    expect(asked?.context).toEqual(context)
    expect(triggered?.time).toEqual(asked?.time)
    expect(triggered?.time.hour).toBe((new Date(baseMs).getUTCHours() + 9) % 24)
  })

  it('of history that is imported is as if it had been lived through', () => {
    const views = [0, 1, 2].map((at) => stored('Product Viewed', at))
    const importedAt = baseMs + 500 * dayMs
    const imported = views.map((event) => ({ ...event, receivedAt: importedAt }))
    const how = { after, timeZone, idleMsMax: limits.sessionIdleMsDefault, declared: {} }
    expect(replayHistory(imported, how).moments).toEqual(replayHistory(views, how).moments)
    expect(replayHistory(views, how).moments.at(-1)?.facts.totals.views1h).toBe(3)
  })
})

describe('what the store knew of a visitor before a session', () => {
  it('is in the rows of its later events, as of its beginning and not of later', async () => {
    const site = randomUUID()
    const core = coreOn(sqliteStorage())
    // An order a day for three days, each after a view of the same session.
    const events = [0, 1, 2].flatMap((day) =>
      ['Product Viewed', 'Order Completed'].map((event, at) =>
        shelfEvent({
          ...{ event, messageId: `${day} ${at}`, timestamp: baseMs + day * dayMs + at * minuteMs },
          properties: event === 'Order Completed' ? { total: 10 } : {},
        }),
      ),
    )
    const visitor = 'a:buyer'
    core.commit([requestOf(events, { site, visitor })], baseMs, noAlarm)
    const rows = batchesOf(core).flatMap(({ records, epoch, sequence }) =>
      records.map((record, position) => {
        const place = { site, visitor, epoch, sequence, position, pop: 'p', region: 'r' }
        return rowOf(record as ShelfRecord, place).row
      }),
    )
    await store.insert('events', rows, randomUUID())
    const features = [number('profile.orders'), number('profile.spend')]
    const [history = []] = await historiesOf(site, outcome({ features }))
    const { moments } = replayHistory(history, {
      ...{ after, timeZone: 'UTC', idleMsMax: limits.sessionIdleMsDefault, declared: {} },
    })
    const told = moments.map(({ facts }) => Object.values(readFeatures(features, facts)))
    // Right after the first event of a session a POP has none: it is on its way.
    expect(told).toEqual([
      [-1, -1],
      [0, 0],
      [-1, -1],
      [1, 10],
      [-1, -1],
      [2, 20],
    ])
  })
})

it('of a visitor with more sessions than are learned from, the newest teach, and what was before them counts', async () => {
  const site = randomUUID()
  const { profiledSessionsMax } = learningBounds
  const total = profiledSessionsMax + 20
  const rows = Array.from({ length: total }, (_, day) =>
    [0, 1].map((minute) => {
      const at = timestamp(baseMs + day * dayMs + minute * minuteMs)
      return {
        ...eventRow('', `${day} ${minute}`, { visitor: 'a:regular', event: 'Order Completed' }),
        ...{
          site,
          bot: false,
          timestamp: at,
          received_at: at,
          session: `s${baseMs + day * dayMs}`,
        },
        ...{ sequence: day * 2 + minute, properties: JSON.stringify({ total: 10 }) },
      }
    }),
  ).flat()
  await store.insert('events', rows, randomUUID())
  const features = [number('profile.orders')]
  const learned = async (learning: RowLearning) =>
    (await historiesOf(site, learning))
      .flatMap((history) => [...rowsOf(history, askingOf(learning))])
      .map(({ row }) => row[0])
  const second = Array.from({ length: profiledSessionsMax }, (_, at) => 2 * (20 + at))
  const found = await learned(outcome({ features }))
  expect(found.filter((orders) => orders !== -1)).toEqual(second)
  expect(found).toHaveLength(2 * profiledSessionsMax)
  // Where no profile is read, every session teaches.
  expect(await learned(outcome())).toHaveLength(2 * total)
})

it('of visitors who said more than a page holds, the others teach all the same', async () => {
  const site = randomUUID()
  // Raw JSON of 75 MB each, and twice that as text in JSON.
  await store.query(
    `INSERT INTO events (site, visitor, message_id, type, event, timestamp, received_at, session,
        epoch, sequence, position, items, properties, context, traits, bot)
      SELECT {site:String}, concat('a:loud ', toString(number % 3)), toString(number), 'track', 'Product Viewed',
        fromUnixTimestamp64Milli({baseMs:Int64} + number, 'UTC') AS at, at, 's1', 1, number, 0, ['i'],
        concat('{"said":"', repeat('\\\\"', 12500), '"}'), '{}', '{}', false
      FROM numbers(9000)`,
    { site, baseMs },
  )
  const calm = Array.from({ length: 20 }, (_, at) => ({
    ...eventRow('', `calm ${at}`, { visitor: `a:calm ${at}`, bot: false }),
    site,
  }))
  await store.insert('events', calm, randomUUID())
  const found = (await historiesOf(site, outcome())).map(([first]) => first?.visitor ?? '')
  expect(found.filter((visitor) => visitor.startsWith('a:calm'))).toHaveLength(20)
}, 60_000)

/** An event of the store at a minute, in time. */
function stored(event: string, at: number, changes: Partial<StoredEvent> = {}): StoredEvent {
  const happenedAt = baseMs + at * minuteMs
  return {
    ...{
      visitor: 'a:1',
      pop: 'p',
      event,
      timestamp: happenedAt,
      receivedAt: happenedAt,
      bot: false,
    },
    ...{ properties: '{}', context: '{}', said: '', saidAt: 0, profile: null, ...changes },
  }
}

function askingOf(learning: RowLearning, changes: Partial<Asking> = {}): Asking {
  return {
    ...{ learning, heardUntil: baseMs + 100 * dayMs, timeZone: 'UTC', declared: null },
    ...{ idleMsMax: limits.sessionIdleMsDefault, ...changes },
  }
}

/** What came of each moment, in their order; a moment of which it is not known is left out. */
const labelsOf = (events: readonly StoredEvent[], asking: Asking) =>
  [...rowsOf(events, asking)].map(({ label }) => label.happened)

describe('a label says', () => {
  const visits = [
    ...[stored('Product Viewed', 0), stored('Order Completed', 5), stored('Product Viewed', 9)],
    ...[stored('Product Viewed', 60), stored('Order Completed', 200)],
  ]

  it('whether it happened later in the same session', () => {
    const learning = outcome({ after: ['Product Viewed'] })
    expect(labelsOf(visits, askingOf(learning))).toEqual([true, false, false])
  })

  it('or within some time, whatever the session', () => {
    const learning = outcome({ after: ['Product Viewed'], withinMs: 150 * minuteMs })
    expect(labelsOf(visits, askingOf(learning))).toEqual([true, false, true])
  })

  it('who does not come back in so many days', () => {
    const orders = [0, 10, 50].map((day) => stored('Order Completed', (day * dayMs) / minuteMs))
    const learning: RowLearning = {
      ...{ learns: 'absence', after: ['Order Completed'], event: 'Order Completed', days: 20 },
      features: [number('session.views')],
    }
    const later = stored('Product Viewed', (12 * dayMs) / minuteMs)
    const events = orders.toSpliced(2, 0, later)
    expect(labelsOf(events, askingOf(learning))).toEqual([false, true, true])
    const { event: _, ...ofAny } = learning
    expect(labelsOf(events, askingOf(ofAny))).toEqual([false, false, true])
  })

  it('nothing while it can still turn out otherwise, however it looks now', () => {
    const heardUntil = baseMs + 60 * minuteMs
    const asking = askingOf(outcome({ after: ['Product Viewed'] }), { heardUntil })
    expect(labelsOf(visits, asking)).toEqual([true, false])
    const withinMs = 150 * minuteMs
    const within = askingOf(outcome({ after: ['Product Viewed'], withinMs }), { heardUntil })
    expect(labelsOf(visits, within)).toEqual([])
  })

  it('nothing of bots, nor by them', () => {
    const events = [
      ...[stored('Product Viewed', 0), stored('Order Completed', 5, { bot: true })],
      stored('Product Viewed', 6),
    ]
    const asking = askingOf(outcome({ after: ['Product Viewed'] }))
    expect(labelsOf(events, asking)).toEqual([false])
  })
})

describe('what another event says later', () => {
  const learning: RowLearning = {
    ...{ learns: 'label', after: ['Payment Submitted'], joinedBy: 'payment_id', waitDays: 30 },
    said: { event: 'Payment Judged', property: 'fraud', is: true },
    features: [number('event.amount')],
  }
  const payment = (id: unknown, day: number, amount: number) => ({
    ...eventRow('', `paid ${id}`, { visitor: `payer ${id}`, event: 'Payment Submitted' }),
    ...{ bot: false, timestamp: timestamp(baseMs + day * dayMs) },
    ...{ received_at: timestamp(baseMs + day * dayMs) },
    properties: JSON.stringify({ payment_id: id, amount }),
  })
  const judged = (id: unknown, day: number, fraud: unknown) => ({
    ...eventRow('', `judged ${id} ${day}`, { visitor: 'the bank', event: 'Payment Judged' }),
    ...{ bot: false, timestamp: timestamp(baseMs + day * dayMs) },
    ...{ received_at: timestamp(baseMs + day * dayMs) },
    properties: JSON.stringify({ payment_id: id, fraud }),
  })

  it('is joined by an id, whoever says it, and the last word holds', async () => {
    const site = randomUUID()
    const rows = [
      ...[payment(1, 0, 10), judged('1', 3, false), judged(1, 4, true)],
      ...[payment('two', 0, 20), judged('two', 1, false)],
      ...[payment('silent', 0, 30), payment('recent', 35, 40)],
      ...[payment('recent and judged', 35, 50), judged('recent and judged', 36, true)],
      judged('of nothing', 40, true),
      // What is no word says nothing, whoever said what before.
      ...[judged('1', 5, { toString: 1, valueOf: 1 }), judged('silent', 1, [true])],
      judged('two', 2, 'x'.repeat(30_000)),
    ].map((row) => ({ ...row, site }))
    await store.insert('events', rows, randomUUID())
    const { untilMs: heardUntil } = await readHeard(store, site)
    const found = (await historiesOf(site, learning)).flatMap((history) => [
      ...rowsOf(history, askingOf(learning, { heardUntil })),
    ])
    const told = found.map(({ row, label, askedAt }) => [
      row[0],
      label.happened,
      label.knownAt - askedAt,
    ])
    expect(told.toSorted(([one], [other]) => Number(one) - Number(other))).toEqual([
      [10, true, 4 * dayMs],
      [20, false, dayMs],
      [30, false, 30 * dayMs],
      [50, true, dayMs],
    ])
  })
})

describe('a trait that is told later', () => {
  const learning: RowLearning = {
    ...{ learns: 'trait', after: ['Product Viewed'], trait: 'plan', is: 'premium', withinDays: 30 },
    features: [number('event.amount')],
  }
  const row = (visitor: string, day: number, more: Record<string, unknown>) => ({
    ...eventRow('', `${visitor} ${day} ${more.type}`, { visitor, ...more }),
    ...{ bot: false, timestamp: timestamp(baseMs + day * dayMs) },
    ...{ received_at: timestamp(baseMs + day * dayMs), sequence: Math.round((day + 1) * 1_000) },
  })
  const viewed = (visitor: string, day: number, amount: number, userId = '') =>
    row(visitor, day, { user_id: userId, properties: JSON.stringify({ amount }) })
  const told = (visitor: string, day: number, plan: unknown, userId = '') =>
    row(visitor, day, {
      ...{ type: 'identify', event: '', user_id: userId, properties: '{}' },
      traits: JSON.stringify({ plan }),
    })
  const rowsIn = async (rows: readonly object[]) => {
    const site = randomUUID()
    await store.insert(
      'events',
      rows.map((each) => ({ ...each, site })),
      randomUUID(),
    )
    const { untilMs: heardUntil } = await readHeard(store, site)
    const asking = askingOf(learning, { heardUntil })
    return { asking, histories: await historiesOf(site, learning) }
  }

  it('is of who comes to be so in time, whoever tells it, and of nobody who is so already', async () => {
    const { asking, histories } = await rowsIn([
      ...[viewed('a:device', 0, 1), told('a:device', 20, 'premium'), viewed('a:device', 25, 2)],
      ...[viewed('a:named', 0, 3, 'ann'), told('u:ann', 5, 'premium', 'ann')],
      told('a:named', 3, { toString: 1, valueOf: 1 }),
      ...[viewed('a:late', 0, 4), told('a:late', 31, 'premium')],
      ...[told('a:left', 0, 'premium'), told('a:left', 1, 'free'), viewed('a:left', 2, 5)],
      ...[viewed('a:silent', 0, 6), viewed('a:fresh', 60, 7), told('a:fresh', 61, 'premium')],
      told('a:somebody else', 1, 'premium'),
      viewed('a:clock', 80, 8),
    ])
    const found = histories.flatMap((history) => [...rowsOf(history, asking)])
    expect(
      found
        .map(({ row: [amount], label }) => [amount, label.happened])
        .toSorted(([one], [other]) => Number(one) - Number(other)),
    ).toEqual([
      ...[
        [1, true],
        [3, true],
      ],
      ...[
        [4, false],
        [5, false],
        [6, false],
      ],
    ])
  })

  it('is of everybody whom a crowd calls itself, and of nobody of whom too much was told', async () => {
    const { tellingsMax } = learningBounds
    const often = (visitor: string, times: number, userId = '') =>
      Array.from({ length: times }, (_, at) => told(visitor, 1 + at / 100, 'premium', userId))
    const crowd = Array.from({ length: 300 }, (_, at) => viewed(`a:${at}`, 0, 1, 'mob'))
    const { asking, histories } = await rowsIn([
      ...[...crowd, ...often('u:mob', tellingsMax, 'mob')],
      ...[viewed('a:talker', 0, 2), ...often('a:talker', tellingsMax + 1)],
      viewed('a:clock', 80, 8),
    ])
    const found = histories.flatMap((history) => [...rowsOf(history, asking)])
    expect(found.map(({ row: [amount], label }) => [amount, label.happened])).toEqual(
      crowd.map(() => [1, true]),
    )
  })

  it('is learned as often as it comes to be so', async () => {
    const rows = Array.from({ length: 1_500 }, (_, at) => {
      const [visitor, amount, chance] = [`a:${at}`, at % 2, ((at * 7_919) % 1_000) / 1_000]
      const day = at / 12
      const becomes = chance < (amount === 1 ? 0.6 : 0.1)
      // Who was so before would be sure to be so after, and is in no row.
      const before = at % 5 === 0 ? [told(visitor, day - 1, 'premium')] : []
      const after = becomes ? [told(visitor, day + 10, 'premium')] : []
      return [...before, viewed(visitor, day, amount), ...after]
    }).flat()
    const { asking, histories } = await rowsIn([...rows, viewed('a:clock', 200, 0)])
    const gatherer = new RowGatherer(asking)
    for (const history of histories) gatherer.take(history)
    const trained = trainRows(gatherer.sample.inOrder())
    expect(trained).toMatchObject({ outcome: 'learned', figures: { rows: 1_200 } })
    const model = trained.model as OwnTabularModel
    expect(scoreRow(model, Float32Array.of(1))).toBeCloseTo(0.6, 1)
    expect(scoreRow(model, Float32Array.of(0))).toBeCloseTo(0.1, 1)
  })
})

it('of segments every visitor is learned by one of its moments, whatever it did', () => {
  const learning: RowLearning = {
    ...{ learns: 'segments', after, segmentsMin: 3, segmentsMax: 8 },
    features: [number('session.views')],
  }
  const gatherer = new RowGatherer(askingOf(learning))
  const views = (visitor: string, total: number) =>
    Array.from({ length: total }, (_, at) => stored('Product Viewed', at, { visitor }))
  gatherer.take([...views('a:till', 40), ...views('a:guest', 2), ...views('a:other', 1)])
  const { rows } = gatherer.sample.inOrder()
  expect(rows).toHaveLength(3)
  expect(Math.min(...rows)).toBeGreaterThanOrEqual(1)
})

describe('rows', () => {
  /** Rows of one column, an hour apart, which is 0 or 1 in turn; it happens by chance. */
  function rows(total: number, chance: (at: number) => number, knownLaterMs = 0) {
    const sample = new RowSample(1, 100_000, 1)
    for (let at = 0; at < total; at++) {
      const happened = ((at * 7_919) % 1_000) / 1_000 < chance(at)
      const askedAt = baseMs + at * 60 * minuteMs
      sample.add(Float32Array.of(at % 2), { happened, knownAt: askedAt + knownLaterMs }, askedAt)
    }
    return sample.inOrder()
  }

  it('make a model that says how often it happens, judged on the newest', () => {
    const trained = trainRows(rows(4_000, (at) => (at % 2 === 0 ? 0.1 : 0.6)))
    expect(trained).toMatchObject({ outcome: 'learned', figures: { rows: 4_000, judgedRows: 800 } })
    expect(trained.figures.calibrationError).toBeLessThan(0.05)
    expect(trained.figures.brier).toBeLessThan(trained.figures.baselineBrier as number)
    expect(trained.bytes?.length).toBeGreaterThan(100)
  })

  it('make the same model again', () => {
    const once = trainRows(rows(1_000, (at) => (at % 2 === 0 ? 0.1 : 0.6)))
    expect(trainRows(rows(1_000, (at) => (at % 2 === 0 ? 0.1 : 0.6)))).toEqual(once)
  })

  it('that are too few, or say too little, make none and say why', () => {
    expect(trainRows(rows(0, () => 0))).toMatchObject({ outcome: 'too_little', bytes: null })
    expect(trainRows(rows(1_000, () => 0.02))).toMatchObject({
      outcome: 'too_little',
      reason: 'of 800 rows to learn from it happened in 17 and not in 783; 40 of each are needed',
    })
    const flipped = rows(2_000, (at) => (at < 1_600 === (at % 2 === 0) ? 0.1 : 0.6))
    expect(trainRows(flipped)).toMatchObject({
      ...{ outcome: 'not_better', bytes: null },
      reason: expect.stringContaining('is not below'),
    })
  })

  it('whose label came after the judged ones were asked are not learned from', () => {
    const trained = trainRows(rows(1_000, (at) => (at % 2 === 0 ? 0.1 : 0.6), 1_000 * dayMs))
    expect(trained).toMatchObject({
      ...{ outcome: 'too_little', figures: { rows: 1_000 } },
      reason: 'of 0 rows to learn from it happened in 0 and not in 0; 40 of each are needed',
    })
  })

  it('past the bound are drawn, each with the same chance', () => {
    const sample = new RowSample(1, 1_000, 1)
    for (let at = 0; at < 10_000; at++) {
      sample.add(Float32Array.of(at), { happened: false, knownAt: 0 }, at)
    }
    const kept = sample.inOrder()
    expect([sample.given, kept.rows.length]).toEqual([10_000, 1_000])
    expect(kept.askedAt).toEqual(kept.askedAt.toSorted())
    const mean = kept.rows.reduce((sum, value) => sum + value, 0) / 1_000
    expect(Math.abs(mean - 5_000)).toBeLessThan(300)
  })
})
