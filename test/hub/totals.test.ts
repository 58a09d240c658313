import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowOf } from '#hub/rows.ts'
import { type ChdbStore, openChdbStore } from '#hub/store/chdb-store.ts'
import { timestamp } from '#hub/store/timestamp.ts'
import type { ShelfRecord } from '#shared/contract.ts'
import { type Totals, type TotalWindow, totalNames } from '#shared/totals.ts'
import { arbitraryTraffic } from '#test/support/arbitrary-traffic.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'
import { eventRow } from '../contract/store-contract.ts'

let directory = ''
let store: ChdbStore

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-totals-'))
  store = openChdbStore({ directory })
  await store.migrate()
})

afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

interface TotalsRow {
  readonly visitor: string
  readonly window: TotalWindow
  readonly [measure: string]: unknown
}

/** What the store says of a site's visitors at a moment, named as the POP names it. */
async function storedTotals(site: string, at: number): Promise<Map<string, Totals>> {
  const rows = await store.query<TotalsRow>(
    'SELECT * FROM visitor_totals(site = {site:String}, at = {at:String})',
    { site, at: timestamp(at).replace('Z', '') },
  )
  const told = new Map<string, Record<string, unknown>>()
  for (const { visitor, window, ...measures } of rows) {
    const totals = told.get(visitor) ?? Object.fromEntries(totalNames.map((name) => [name, 0]))
    told.set(visitor, totals)
    for (const [measure, total] of Object.entries(measures)) {
      totals[`${measure === 'session_ms' ? 'sessionMs' : measure}${window}`] = total
    }
  }
  return told as Map<string, unknown> as Map<string, Totals>
}

describe('the totals of the store', () => {
  it('are those of the POP, to the bit', async () => {
    const visitors = fc.array(arbitraryTraffic, { minLength: 1, maxLength: 20 })
    const waits = fc.constantFrom(0, 1, 999, 61_000, 3_600_000, 40 * 86_400_000)
    await fc.assert(
      fc.asyncProperty(visitors, waits, async (traffic, waitMs) => {
        const site = randomUUID()
        const core = coreOn(sqliteStorage())
        const all = traffic.flatMap((events, number) =>
          events.map((event) => ({ event, visitor: `a:${number}` })),
        )
        for (const { event, visitor } of all) {
          core.commit([requestOf([event], { site, visitor })], event.receivedAt, noAlarm)
        }
        const rows = batchesOf(core).flatMap(({ records, visitor, epoch, sequence }) => {
          const place = { site, visitor, epoch, sequence, position: 0, pop: 'p', region: 'r' }
          return records.map((record) => rowOf(record as ShelfRecord, place).row)
        })
        await store.insert('events', rows, randomUUID())
        // A row that comes twice counts once.
        await store.insert('events', rows.slice(0, 3), randomUUID())
        const at = Math.max(...all.map(({ event }) => event.receivedAt)) + waitMs
        const stored = await storedTotals(site, at)
        for (const [number] of traffic.entries()) {
          const visitor = `a:${number}`
          const { totals } = core.look(requestOf([], { site, visitor, receivedAt: at }))
          const nothing = Object.fromEntries(totalNames.map((name) => [name, 0]))
          expect(stored.get(visitor) ?? nothing).toEqual(totals)
        }
      }),
      { numRuns: 30 },
    )
  }, 120_000)

  it('have the spend of orders that were stored before it had a column', async () => {
    const site = randomUUID()
    const order = (id: string, properties: object) => {
      const { spend: _, ...row } = eventRow(site, id, { event: 'Order Completed' })
      return { ...row, properties: JSON.stringify(properties) }
    }
    const rows = [
      order('m1', { total: '19.50' }),
      order('m2', { total: null, revenue: 5 }),
      order('m3', { total: 'free' }),
    ]
    await store.insert('events', rows, randomUUID())
    const sql = 'SELECT sum(spend) AS spend FROM events_once WHERE site = {site:String}'
    expect(await store.query(sql, { site })).toEqual([{ spend: 24.5 }])
  })
})
