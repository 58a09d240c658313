import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { ShelfEvent } from '#shared/event.ts'
import { featurise } from '#shared/features.ts'
import { limits } from '#shared/limits.ts'
import { unpackRelease } from '#shared/release.ts'
import { reduceSession, type Session } from '#shared/session.ts'
import { countEvent, type RunningTotals, totalsAt } from '#shared/totals.ts'
import { shelfEvent } from '#test/support/events.ts'
import {
  chainVisits,
  patience,
  startTestSystem,
  type TestSystem,
  viewOf,
} from '#test/support/local-system.ts'

// Train on what was served: what a POP saw at each decision comes out of the store again, to the bit.

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem()
}, 120_000)
afterAll(() => on?.remove())

const event = fc.record({
  event: fc.constantFrom('Product Viewed', 'Product Added', 'Order Completed', 'Searched'),
  item: fc.integer({ min: 0, max: 30 }).map((number) => `first-${number}-a`),
  total: fc.oneof(fc.double({ min: 0, max: 500, noNaN: true }), fc.constantFrom('19.50', 'free')),
  /** How long it waited on its device: not at all, a little, for hours, for weeks. */
  agoMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    fc.integer({ min: 0, max: 120_000 }),
    fc.integer({ min: 0, max: 50 * 3_600_000 }),
    fc.integer({ min: 0, max: 40 * 24 * 3_600_000 }),
  ),
})
const request = fc.record({
  visitor: fc.constantFrom('ann', 'ben', 'cy', 'dee'),
  events: fc.array(event, { maxLength: 4 }),
  asks: fc.boolean(),
  isSentTwice: fc.boolean(),
})

let sent = 0
/** Sends what visitors do and ask; answers how many decisions were made. */
async function send(
  requests: readonly (typeof request extends fc.Arbitrary<infer R> ? R : never)[],
) {
  let decisions = 0
  for (const { visitor, events, asks, isSentTwice } of requests) {
    const raw = events.map(({ event, item, total, agoMs }) => ({
      ...{ ...viewOf(visitor, item, { total }), event, messageId: `sent ${++sent}` },
      timestamp: new Date(Date.now() - agoMs).toISOString(),
    }))
    if (!asks || isSentTwice) await on.post('shop', raw)
    if (!asks) continue
    await on.decide('shop', visitor, raw)
    decisions++
  }
  return decisions
}

interface StoredRow {
  readonly visitor: string
  readonly kind: 'event' | 'decision'
  readonly at: string
  readonly release: string
  readonly body: string
}

const these = "site = 'shop' AND visitor IN ('a:ann', 'a:ben', 'a:cy', 'a:dee')"
const inTheirOrder = `
  SELECT visitor, kind, at, release, body FROM (
    SELECT visitor, 'event' AS kind, epoch, sequence, position, timestamp AS at, '' AS release,
      toJSONString(map('event', event, 'receivedAt', toString(toUnixTimestamp64Milli(received_at)),
        'bot', toString(bot), 'items', toJSONString(items), 'properties', properties)) AS body
    FROM events_once WHERE ${these}
    UNION ALL
    SELECT visitor, 'decision', epoch, sequence, position, at, release, features
    FROM decisions_once WHERE ${these})
  ORDER BY visitor, epoch, sequence, position`

function eventOf({ at, body }: StoredRow): ShelfEvent {
  const { event, receivedAt, bot, items, properties } = JSON.parse(body)
  return shelfEvent({
    ...{ event, bot: bot === 'true', timestamp: Date.parse(at), receivedAt: Number(receivedAt) },
    ...{ items: JSON.parse(items), properties: JSON.parse(properties) },
  })
}

/** The items that a release knows, and how many of a session it looks at. */
async function vocabularyOf(digest: string) {
  if (digest === '') return { known: new Set<string>(), itemsMax: limits.sessionItemsMax }
  const path = join(on.dataDir, 'hub', 'releases', digest.slice(0, 2), digest)
  const { manifest, catalogue } = unpackRelease(new Uint8Array(await readFile(path)))
  const known = new Set(catalogue.items.map(({ id }) => id))
  const model = manifest.models['session-knn']
  if (model?.family !== 'session-knn') throw new Error('the release has another model')
  return { known, itemsMax: model.itemsMax }
}

it('the features of every decision come out of the stored events again', async () => {
  const [before = [], after = []] = fc.sample(fc.array(request, { minLength: 40, maxLength: 40 }), {
    numRuns: 2,
    seed: 20_260_105,
  })
  let decisions = await send(before)
  for (const visit of chainVisits('first', 300, 20)) await on.post('shop', visit)
  const trained = `SELECT count() FROM events_once WHERE startsWith(visitor, 'a:first')`
  await vi.waitFor(async () => expect(await on.count(trained)).toBe(900), patience)
  const { digest } = await on.retrain('shop')
  await vi.waitFor(
    async () => expect((await on.decide('shop', 'watcher')).release).toBe(digest),
    patience,
  )
  decisions += await send(after)
  const stored = await vi.waitFor(async () => {
    const rows = await on.query<StoredRow>(inTheirOrder)
    expect(rows.filter(({ kind }) => kind === 'decision')).toHaveLength(decisions)
    return rows
  }, patience)

  for (const rows of Map.groupBy(stored, ({ visitor }) => visitor).values()) {
    let session: Session | null = null
    let totals: RunningTotals | null = null
    for (const row of rows) {
      if (row.kind === 'event') {
        const step = reduceSession(session, eventOf(row))
        totals = countEvent(totals, eventOf(row), session, step.session)
        session = step.session
        continue
      }
      const at = Date.parse(row.at)
      const { known, itemsMax } = await vocabularyOf(row.release)
      const isKnown = (item: string) => known.has(item)
      const { context: _, variants: __, ...served } = JSON.parse(row.body)
      const features = featurise(session, isKnown, at, itemsMax)
      expect({ ...features, totals: totalsAt(totals, at) }).toEqual(served)
    }
  }
  expect(new Set(stored.map(({ release }) => release))).toContain(digest)
}, 180_000)
