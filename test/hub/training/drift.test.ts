import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Schedule } from '#hub/schedule.ts'
import { driftBounds, populationStability, readDriftBins } from '#hub/training/drift.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'

const even = (clicks: number) => Array.from({ length: 10 }, () => ({ before: 500, since: clicks }))

describe('the population stability index', () => {
  it('is 0 where people look at the same things, more or less of them', () => {
    expect(populationStability(even(500))).toBe(0)
    expect(populationStability(even(2_000))).toBeCloseTo(0, 10)
  })

  it('passes the bound where a third of the clicks is on what nobody looked at before', () => {
    const bins = [...even(500), { before: 0, since: 2_500 }]
    expect(populationStability(bins)).toBeGreaterThan(driftBounds.stabilityMax)
  })

  it('stays below it where the shares moved a little', () => {
    const bins = even(500).map((bin, at) => ({ ...bin, since: bin.since + at * 20 }))
    const stability = populationStability(bins)
    expect(stability).toBeGreaterThan(0)
    expect(stability).toBeLessThan(driftBounds.stabilityMax)
  })

  it('says nothing on too few clicks', () => {
    expect(
      populationStability([
        { before: 10_000, since: 0 },
        { before: 0, since: 999 },
      ]),
    ).toBe(0)
  })
})

describe('a site that drifts', () => {
  let hub: TestHub
  beforeAll(async () => {
    const SITES = JSON.stringify({ shop: { writeKeys: ['k'] }, calm: { writeKeys: ['l'] } })
    hub = await openTestHub({ SITES })
  }, 60_000)
  afterAll(() => hub?.close())

  let rows = 0
  const clicks = (site: string, item: string, at: number, count: number) =>
    Array.from({ length: count }, () => ({
      ...{ site, visitor: `v${rows}`, message_id: `row ${rows++}`, type: 'track', session: 's' },
      ...{ event: 'Product Viewed', timestamp: new Date(baseMs + at * minuteMs).toISOString() },
      ...{ epoch: 1, sequence: rows, position: 0, bot: false, items: [item] },
      ...{ properties: '{}', context: '{}', traits: '{}' },
    }))

  it('is trained at once, and one that does not is left alone', async () => {
    const { store } = hub.environment
    await store.insert('events', clicks('shop', 'a', 1, 1_500), 'before')
    await store.insert('events', clicks('shop', 'b', 3, 1_500), 'since')
    await store.insert(
      'events',
      [...clicks('calm', 'a', 1, 1_500), ...clicks('calm', 'a', 3, 1_500)],
      'calm',
    )
    const trainedAtMs = baseMs + 2 * minuteMs
    expect(await readDriftBins(store, 'shop', trainedAtMs)).toEqual([
      { before: 1_500, since: 0 },
      { before: 0, since: 1_500 },
    ])
    const schedule = new Schedule(hub.environment)
    // Single clicks: there is nothing to learn, but that was asked for.
    expect(await schedule.trainWhereDrifted('shop', trainedAtMs)).toMatchObject({
      outcome: 'too_little',
    })
    expect(await schedule.trainWhereDrifted('calm', trainedAtMs)).toBeNull()
    await schedule.stop()
  }, 60_000)
})
