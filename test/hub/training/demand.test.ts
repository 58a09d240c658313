import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ReplayedRelease } from '#hub/decisions/replay.ts'
import { liveRelease } from '#hub/publishing/live-release.ts'
import { retrain } from '#hub/retrain.ts'
import { rowOf } from '#hub/rows.ts'
import { StoreError } from '#hub/store/store.ts'
import { timestamp } from '#hub/store/timestamp.ts'
import { learningBounds } from '#hub/training/learned/bounds.ts'
import { type Page, readPages } from '#hub/training/learned/drawn-pages.ts'
import {
  pricedRows,
  type StoredPrice,
  type StoredPrices,
} from '#hub/training/learned/priced-rows.ts'
import { readHeard } from '#hub/training/learned/read-histories.ts'
import { readPrices } from '#hub/training/learned/read-prices.ts'
import type { LearnedRows } from '#hub/training/learned/sample-rows.ts'
import { trainDemandRows } from '#hub/training/learned/train-demand.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import type { DemandLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import { variantsOf } from '#shared/policy/variant.ts'
import { bestPrice, type DemandModel } from '#shared/tabular/demand.ts'
import { totalsAt } from '#shared/totals.ts'
import { demandPolicy, readDemandPolicy, travellers } from '#test/support/demand.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'
import { eventRow } from '../../contract/store-contract.ts'

const learning = readDemandPolicy().models?.demand as DemandLearning

let hub: TestHub
let policyDir = ''
beforeAll(async () => {
  policyDir = mkdtempSync(join(tmpdir(), 'shelfedge-policies-'))
  hub = await openTestHub({ POLICY_DIR: policyDir })
})
afterAll(async () => {
  await hub?.close()
  rmSync(policyDir, { recursive: true, force: true })
})

const price = (at: number, changes: Partial<StoredPrice> = {}): StoredPrice => ({
  ...{ person: 'ann', decisionId: `at ${at}`, subject: 'flight', price: 120, base: 100, rail: '' },
  ...{ known: '{"business":1}', at: at * minuteMs, ...changes },
})
const purchase = (at: number, ...names: string[]) => ({ person: 'ann', names, at: at * minuteMs })
const asking = { learning, heardUntil: 1_000 * minuteMs }
const taughtBy = (...page: Parameters<typeof pricedRows>) =>
  [...pricedRows(...page)].filter((row) => typeof row !== 'string')
const boughtOf = (...page: Parameters<typeof pricedRows>) =>
  taughtBy(...page).map(({ label }) => label.happened)

describe('whether a price was bought at', () => {
  it('is told by the last price of its subject before the purchase', () => {
    const prices = [price(0), price(5, { price: 90 }), price(6, { subject: 'other' })]
    const purchases = [purchase(7, 'flight')]
    expect(boughtOf({ prices, purchases }, asking)).toEqual([false, true, false])
    // Nobody else's, nor what was bought before.
    const others = [{ ...purchase(7, 'flight'), person: 'bob' }, purchase(4, 'other')]
    expect(boughtOf({ prices, purchases: others }, asking)).toEqual([false, false, false])
  })

  it('or by the decision that the purchase names, whoever tells it', () => {
    const bought = { event: 'Booking Completed', decision: 'decisionId' }
    const prices = [price(0), price(5)]
    const purchases = [{ ...purchase(7, 'at 0'), person: 'the till' }]
    const byDecision = { ...asking, learning: { ...learning, bought } }
    expect(boughtOf({ prices, purchases }, byDecision)).toEqual([true, false])
  })

  it('is certain when the time to buy is over, for a yes as for a no', () => {
    const prices = [price(0), price(50, { subject: 'other' })]
    const purchases = [purchase(55, 'other'), purchase(61, 'flight')]
    const until = (minute: number) => ({ learning, heardUntil: minute * minuteMs })
    expect(boughtOf({ prices, purchases }, until(59))).toEqual([])
    expect(boughtOf({ prices, purchases }, until(109))).toEqual([false])
    expect(boughtOf({ prices, purchases }, until(110))).toEqual([false, true])
  })

  it('does not depend on what happened after, nor on the order in which it came', () => {
    const minutes = fc.nat(200)
    const subject = fc.constantFrom('flight', 'other')
    const told = fc.record({ at: minutes, subject })
    fc.assert(
      fc.property(fc.array(told), fc.array(told), fc.nat(300), (prices, bought, heard) => {
        const known = { learning, heardUntil: heard * minuteMs }
        const all = {
          prices: prices.map(({ at, subject }, place) =>
            price(at, { subject, decisionId: `${place}` }),
          ),
          purchases: bought.map(({ at, subject }) => purchase(at, subject)),
        }
        const heardOf = <Told extends { readonly at: number }>(facts: readonly Told[]) =>
          facts.filter(({ at }) => at <= known.heardUntil).toReversed()
        const rowsOf = (page: typeof all) =>
          taughtBy(page, known)
            .map(({ askedAt, label, row }) => JSON.stringify([askedAt, label, [...row]]))
            .toSorted()
        const early = { prices: heardOf(all.prices), purchases: heardOf(all.purchases) }
        expect(rowsOf({ ...early, prices: early.prices.toReversed() })).toEqual(rowsOf(all))
      }),
    )
  })

  it('teaches with what was known then: a price without one of the features is left out', () => {
    const prices = [price(0, { known: '{"other":1}' }), price(1)]
    const rows = [...pricedRows({ prices, purchases: [] }, asking)]
    expect(rows).toEqual([
      'rowsWithoutFeatures',
      expect.objectContaining({ row: Float32Array.of(1, 1.2) }),
    ])
  })

  it('teaches where chance set it: not where a rail did, which has its purchases all the same', () => {
    const prices = [price(0, { rail: 'step' }), price(5, { rail: 'floor' })]
    const page = { prices, purchases: [purchase(7, 'flight')] }
    expect([...pricedRows(page, asking)]).toEqual([
      expect.objectContaining({ label: expect.objectContaining({ happened: false }) }),
      'rowsRailed',
    ])
  })

  it('teaches as far as a step beyond the prices to choose from, whatever base a visitor tells', () => {
    const shares = [2.6, 2.7, 0.4, 0.3].map((share, at) => price(at, { price: 100 * share }))
    const bases = [1e-6, 1e-40, 1e300].map((base, at) => price(10 + at, { base }))
    const prices = [...shares, ...bases]
    expect(taughtBy({ prices, purchases: [] }, asking).map(({ row }) => row[1])).toEqual(
      [2.6, 0.4].map(Math.fround),
    )
  })
})

function rowsFrom(searches: ReturnType<typeof travellers>): LearnedRows {
  return {
    columns: 2,
    rows: Float32Array.from(searches.flatMap(({ business, share }) => [business ? 1 : 0, share])),
    labels: Uint8Array.from(searches, ({ buys }) => (buys ? 1 : 0)),
    askedAt: Float64Array.from(searches, ({ at }) => at),
    knownAt: Float64Array.from(searches, ({ at }) => at),
  }
}

describe('a model of demand', () => {
  const { prices } = learning

  it('asks more of whoever pays more, and never a price that was not shown', () => {
    const trained = trainDemandRows(rowsFrom(travellers(1_500)), { ...prices, from: 0.1, to: 9 })
    expect(trained).toMatchObject({ outcome: 'learned', family: 'demand' })
    const model = trained.model as DemandModel
    expect(model.prices[0]).toBeCloseTo(0.6, 5)
    expect(model.prices.at(-1)).toBeCloseTo(2.2, 5)
    expect(bestPrice(model, Float32Array.of(0))).toBeLessThan(1.2)
    expect(bestPrice(model, Float32Array.of(1))).toBeGreaterThan(1.3)
    const { logLoss, baselineLogLoss, brier, baselineBrier, calibrationError } =
      trained.figures as Record<string, number>
    expect(logLoss).toBeLessThan(baselineLogLoss as number)
    expect(brier).toBeLessThan(baselineBrier as number)
    expect(calibrationError).toBeLessThan(0.1)
    expect(trained.reliability).toHaveLength(10)
    expect(trainDemandRows(rowsFrom(travellers(1_500)), { ...prices, from: 0.1, to: 9 })).toEqual(
      trained,
    )
  })

  it('is the same though somebody told a number beyond all others, in an old row or in a new one', () => {
    const honest = travellers(1_500)
    const askedBy = (trained: ReturnType<typeof trainDemandRows>) => {
      expect(trained).toMatchObject({ outcome: 'learned' })
      return [0, 1].map((business) =>
        bestPrice(trained.model as DemandModel, Float32Array.of(business)),
      )
    }
    const [free, bound] = askedBy(trainDemandRows(rowsFrom(honest), prices)) as [number, number]
    for (const told of [1e6, -1e6, 3e38]) {
      for (const place of [500, 1_400]) {
        const rows = rowsFrom(honest)
        rows.rows[2 * place] = told
        const asked = askedBy(trainDemandRows(rows, prices))
        expect(Math.abs((asked[0] as number) - free)).toBeLessThan(0.11)
        expect(Math.abs((asked[1] as number) - bound)).toBeLessThan(0.11)
      }
    }
  })

  it('is none where a feature is of numbers that nothing can be reckoned with', () => {
    const rows = rowsFrom(travellers(1_500))
    for (let at = 0; at < rows.rows.length; at += 6) rows.rows[at] = 3e38
    expect(trainDemandRows(rows, prices)).toMatchObject({
      ...{ outcome: 'not_better', bytes: null },
      reason: expect.stringContaining('too large to learn from'),
    })
  })

  it('is none, with a sentence, where there is too little, or where prices tell nothing', () => {
    expect(trainDemandRows(rowsFrom(travellers(60)), prices)).toMatchObject({
      ...{ outcome: 'too_little', bytes: null },
      reason: expect.stringContaining('of each are needed'),
    })
    const far = { from: 3, to: 4, step: 0.1 }
    expect(trainDemandRows(rowsFrom(travellers(1_500)), far)).toMatchObject({
      ...{ outcome: 'too_little', bytes: null },
      reason:
        'prices were shown from 0.60 to 2.20 of the base, and fewer than two of the policy\'s prices lie between: widen "prices", or show others by chance',
    })
    const backwards = travellers(1_500).map((each) => ({ ...each, buys: !each.buys }))
    expect(trainDemandRows(rowsFrom(backwards), prices)).toMatchObject({
      ...{ outcome: 'not_better', bytes: null },
      reason: expect.stringContaining('the highest would be asked for no reason'),
    })
  })
})

/** With what JSON, and ClickHouse, may escape. */
const flight = 'BER/LIS "é" \\ 7'
const place = (visitor: string) => ({
  ...{ site: 'shop', visitor, epoch: 1, sequence: 1, position: 0, pop: 'p', region: 'r' },
})
/** A price as a POP sends it, at a minute. */
function told(visitor: string, at: number, changes: Partial<DecisionRecord> = {}) {
  const record: DecisionRecord = {
    ...{ kind: 'decision', decisionId: randomUUID(), at: baseMs + at * minuteMs },
    ...{ placement: 'fare', release: null, model: 'demand', fallback: 'model_missing' },
    ...{ session: 's', items: [], scores: [], answerKind: 'price' },
    features: { variants: { prices: 'high' }, inputs: { business: 1 } },
    inputs: { session: { events: 1, bot: false } },
    effects: [{ name: 'base', effect: 'price', failures: 0, items: 0, amount: 100 }],
    answer: { subject: flight, price: 160, held: false },
    ...changes,
  }
  return rowOf(record, place(visitor)).row
}
function happened(visitor: string, at: number, event: string, changes: object = {}) {
  const when = timestamp(baseMs + at * minuteMs)
  return {
    ...eventRow('shop', randomUUID(), { visitor, event, timestamp: when, received_at: when }),
    ...{ bot: false, properties: JSON.stringify({ flight }), ...changes },
  }
}

describe('prices in the store', () => {
  it('are those that were told by chance, each with what the person bought', async () => {
    const { store } = hub.environment
    const answer = { subject: flight, price: 160, held: false }
    await store.insert(
      'decisions',
      [
        told('a:phone', 0),
        told('a:held', 1, { answer: { ...answer, held: true } }),
        told('a:none', 2, { answer: { ...answer, price: null } }),
        told('a:bot', 3, { inputs: { session: { events: 1, bot: true } } }),
        told('a:model', 4, { features: { variants: { prices: 'none' }, inputs: {} } }),
        told('a:elsewhere', 5, { placement: 'published' }),
        told('a:older', 6, { effects: [{ name: 'base', effect: 'price', failures: 0, items: 0 }] }),
        // Longer than what can be said to be bought.
        told('a:wordy', 7, {
          answer: { ...answer, subject: 'f'.repeat(limits.nameCharactersMax + 1) },
        }),
        // Set off by what had happened two hours before.
        told('a:imported', 200, {
          inputs: { session: { events: 1, bot: false }, eventAt: baseMs + 80 * minuteMs },
        }),
      ],
      randomUUID(),
    )
    await store.insert(
      'events',
      [
        happened('a:phone', 0, 'Logged In', { user_id: 'ann' }),
        happened('u:ann', 9, 'Booking Completed'),
        happened('u:ann', 8, 'Booking Completed', { bot: true }),
        happened('u:ann', 9, 'Booking Completed', { properties: '{"flight":{"a":1}}' }),
        happened('a:stranger', 10, 'Booking Completed'),
        happened('a:imported', 90, 'Booking Completed', {
          received_at: timestamp(baseMs + 201 * minuteMs),
        }),
      ],
      randomUUID(),
    )
    const heard = { events: 6, untilMs: baseMs + 300 * minuteMs }
    const readBy = async (bought: DemandLearning['bought']) => {
      const { visitors, pages } = await readPrices(store, 'shop', { ...learning, bought }, heard)
      const told: StoredPrices[] = []
      for await (const page of pages) told.push(page)
      const [{ prices, purchases } = { prices: [], purchases: [] }] = told
      return { visitors, prices, purchases }
    }
    const { visitors, prices, purchases } = await readBy(learning.bought)
    expect(visitors).toBe(2)
    expect(prices).toEqual([
      expect.objectContaining({ person: 'a:imported', at: baseMs + 80 * minuteMs }),
      expect.objectContaining({
        ...{ person: 'u:ann', at: baseMs, subject: flight, price: 160, base: 100 },
        known: '{"business":1}',
      }),
    ])
    expect(purchases).toHaveLength(2)
    expect(purchases).toEqual(
      expect.arrayContaining([
        { person: 'u:ann', names: [flight], at: baseMs + 9 * minuteMs },
        { person: 'a:imported', names: [flight], at: baseMs + 90 * minuteMs },
      ]),
    )
    // As a shop's order names them.
    const byItems = await readBy({ event: 'Booking Completed' })
    expect(byItems.purchases).toContainEqual(
      expect.objectContaining({ person: 'u:ann', names: ['p1', "it's"] }),
    )
    const { decisionId } = prices[1] as StoredPrice
    const byTill = { properties: JSON.stringify({ by: decisionId }) }
    await store.insert('events', [happened('a:till', 30, 'Paid', byTill)], randomUUID())
    const byDecision = await readBy({ event: 'Paid', decision: 'by' })
    expect(byDecision.purchases).toEqual([
      { person: 'a:till', names: [decisionId], at: baseMs + 30 * minuteMs },
    ])
  })
})

it('whoever asks for prices all day takes no room from others', async () => {
  const { store } = hub.environment
  const { pricesPerPersonMax } = learningBounds
  const asked = Array.from({ length: pricesPerPersonMax + 20 }, (_, at) => told('a:crawler', at))
  const rows = [...asked, told('a:calm', 1)].map((row) => ({ ...row, site: 'crawled' }))
  await store.insert('decisions', rows, randomUUID())
  const heard = { events: 1, untilMs: baseMs }
  const { pages } = await readPrices(store, 'crawled', learning, heard)
  const read: StoredPrice[] = []
  for await (const { prices } of pages) read.push(...prices)
  const ofCrawler = read.filter(({ person }) => person === 'a:crawler')
  expect(ofCrawler).toHaveLength(pricesPerPersonMax)
  // The newest.
  expect(Math.min(...ofCrawler.map(({ at }) => at))).toBe(baseMs + 20 * minuteMs)
  expect(read).toHaveLength(pricesPerPersonMax + 1)
})

it('is not told that nothing was bought before the purchases that were read', async () => {
  const { store } = hub.environment
  const ofAgency = <Row extends object>(row: Row) => ({ ...row, site: 'agency' })
  const asked = [told('a:agency', 0), told('a:agency', 10_000)]
  await store.insert('decisions', asked.map(ofAgency), randomUUID())
  const other = { properties: JSON.stringify({ flight: 'another' }) }
  const later = Array.from({ length: learningBounds.purchasesPerPersonMax }, (_, at) =>
    happened('a:agency', 100 + at, 'Booking Completed', other),
  )
  const first = happened('a:agency', 1, 'Booking Completed')
  await store.insert('events', [first, ...later].map(ofAgency), randomUUID())
  const heard = { events: 1, untilMs: baseMs + 20_000 * minuteMs }
  const { pages } = await readPrices(store, 'agency', learning, heard)
  const labels: unknown[] = []
  for await (const page of pages) {
    labels.push(...boughtOf(page, { learning, heardUntil: heard.untilMs }))
  }
  // Of the first it is not known any more, of the second it is.
  expect(labels).toEqual([false])
})

async function collected<Each>(all: AsyncIterable<Each>): Promise<Each[]> {
  const found: Each[] = []
  for await (const each of all) found.push(each)
  return found
}

describe('pages', () => {
  const read = (refuses: (page: Page) => boolean) => async (page: Page) => {
    if (refuses(page)) throw new StoreError('refused', 'too much')
    return page
  }
  const pagesBy = async (refuses: (page: Page) => boolean) =>
    collected(readPages([{ from: 0, end: 640 }], read(refuses)))

  it('that are too much to read are read in halves, and the part that still is is left out', async () => {
    const pages = await pagesBy(({ from, end }) => from <= 5 && 5 < end)
    expect(pages.at(0)?.from).toBe(10)
    expect(pages.reduce((sum, { from, end }) => sum + end - from, 0)).toBe(630)
  })

  it('that the store cannot answer end the reading', async () => {
    const away = async () => {
      throw new StoreError('unavailable', 'gone')
    }
    await expect(collected(readPages([{ from: 0, end: 640 }], away))).rejects.toThrow('gone')
  })
})

it('a hub releases what it learned from them, and goes on by the rules until there is enough', async () => {
  const { environment } = hub
  writeFileSync(join(policyDir, 'shop.yaml'), demandPolicy)
  expect(await retrain('shop', 'test', environment)).toMatchObject({
    ...{ outcome: 'published' },
    models: [
      {
        ...{ name: 'demand', outcome: 'too_little' },
        reason: expect.stringContaining('40 of each are needed'),
      },
    ],
  })
  expect((await liveRelease('shop', environment))?.manifest.models).toEqual({})
  const searches = travellers(900)
  const prices = searches.map(({ at, business, variant, share }) =>
    told(`a:${at}`, 1_000 + at, {
      features: { variants: { prices: variant }, inputs: { business: business ? 1 : 0 } },
      answer: { subject: flight, price: 100 * share, held: false },
    }),
  )
  const bookings = searches
    .filter(({ buys }) => buys)
    .map(({ at }) => happened(`a:${at}`, 1_001 + at, 'Booking Completed'))
  await environment.store.insert('decisions', prices, randomUUID())
  await environment.store.insert('events', bookings, randomUUID())
  expect((await readHeard(environment.store, 'shop')).untilMs).toBeGreaterThan(baseMs)
  const training = await retrain('shop', 'test', environment)
  expect(training).toMatchObject({
    ...{ outcome: 'published', models: [{ name: 'demand', outcome: 'learned' }] },
  })
  const release = await liveRelease('shop', environment)
  if (release === null) throw new Error('nothing is live')
  expect(release.manifest.training).toMatchObject({
    'demand.family': 'demand',
    'demand.reliability': expect.any(String),
    'demand.calibrationError': expect.any(Number),
  })
  // Who is shown what the model says.
  const visitor = searches
    .map(({ at }) => `a:${at}`)
    .find((each) => variantsOf(release.policy, each).prices === 'none')
  const replayed = new ReplayedRelease(release)
  const ask = async (business: number) => {
    const { outcome } = await replayed.decide({
      ...{ site: 'shop', visitor, at: baseMs, placement: 'fare', model: 'demand' },
      ...{ fallback: null, items: [], scores: [], effects: [], answer: {}, shownAt: null },
      features: {
        items: [],
        totals: totalsAt(null, baseMs),
        inputs: { business },
        event: { fare: 100, flight: 'f' },
      },
      inputs: { session: { events: 1, bot: false }, timeZone: 'UTC', itemsMax: 1, events: [] },
    } as never)
    return outcome.answer.price as number
  }
  const [free, bound] = [await ask(0), await ask(1)]
  expect(free).toBeLessThan(120)
  expect(bound).toBeGreaterThan(130)
  await replayed.close()
}, 60_000)
