import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { storeChunk } from '#hub/consume.ts'
import { recordsTopic } from '#hub/ingest.ts'
import { LogError } from '#hub/log/log.ts'
import { Schedule } from '#hub/schedule.ts'
import { StoreError } from '#hub/store/store.ts'
import { ingestPath } from '#shared/contract.ts'
import {
  counterOf,
  deliveryOf,
  eventRecord,
  openTestHub,
  signedIngest,
  type TestHub,
} from '#test/support/hub.ts'

const patience = { timeout: 20_000 }
let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub()
  app = hubApp(hub.environment, new Schedule(hub.environment))
}, 60_000)
afterAll(() => hub?.close())

async function ingest(delivery: unknown) {
  return app.request(ingestPath, await signedIngest(delivery))
}

function stored(sql: string) {
  return hub.environment.store.query(sql)
}

const good = deliveryOf(1, [eventRecord('good')])

describe('a delivery', () => {
  it('that comes twice is in the log once, and the second is counted as known', async () => {
    const delivery = deliveryOf(7, [eventRecord('twice')])
    const before = await counterOf(app, 'shelfedge_batches_duplicate_total')
    expect(await (await ingest(delivery)).json()).toEqual({ accepted: 1, duplicates: 0 })
    expect(await (await ingest(delivery)).json()).toEqual({ accepted: 0, duplicates: 1 })
    expect(await counterOf(app, 'shelfedge_batches_duplicate_total')).toBe(before + 1)
  })

  it.each([
    ['is full', new LogError('full', 'the log is full'), 429, 'log_busy', '1'],
    ['is broken', new Error('EIO at sector 7'), 500, 'failed', null],
  ])('is not acknowledged while the log %s', async (_state, cause, status, error, retryAfter) => {
    const log = { ...hub.environment.log, append: () => Promise.reject(cause) }
    const broken = hubApp({ ...hub.environment, log }, new Schedule(hub.environment))
    const response = await broken.request(ingestPath, await signedIngest(good))
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toBe(retryAfter)
    const body = (await response.json()) as Record<string, string>
    expect(body.error).toBe(error)
    expect(body.detail).not.toContain('EIO')
  })

  it('with a sequence that was given out before, and other content, is another', async () => {
    for (const content of ['before the files were put back', 'after it']) {
      const answer = await ingest(deliveryOf(70, [eventRecord(content)]))
      expect(await answer.json()).toEqual({ accepted: 1, duplicates: 0 })
    }
  })
})

describe('what does not keep the contract', { timeout: 60_000 }, () => {
  it('inside a delivery becomes a refusal, and its neighbours are stored', async () => {
    const records = [eventRecord('left'), { kind: 'event', secret: 42 }, eventRecord('right')]
    const before = await counterOf(app, 'shelfedge_records_unreadable_total')
    expect((await ingest(deliveryOf(8, records))).status).toBe(200)
    await vi.waitFor(
      async () =>
        expect(
          await stored(
            "SELECT message_id FROM events_once WHERE message_id IN ('left','right') ORDER BY position",
          ),
        ).toEqual([{ message_id: 'left' }, { message_id: 'right' }]),
      patience,
    )
    await vi.waitFor(
      async () =>
        expect(
          await stored(
            "SELECT site, pop, reason, body FROM refusals_once WHERE body LIKE '%secret%'",
          ),
        ).toEqual([
          {
            ...{ site: 'shop', pop: 'pop-1', reason: 'unreadable_record' },
            body: JSON.stringify(records[1]),
          },
        ]),
      patience,
    )
    expect(await counterOf(app, 'shelfedge_records_unreadable_total')).toBe(before + 1)
  })

  it('of Unicode holds nobody up: half a surrogate pair is stored as it can be', async () => {
    const broken = { kind: 'refusal', at: 1, messageId: 'm', reason: 'r', detail: '', body: '' }
    const records = [
      { ...broken, field: 'a\ud800' },
      { kind: 'nonsense', text: '😀'.repeat(600) },
      eventRecord('after-broken-text'),
    ]
    expect((await ingest(deliveryOf(11, records))).status).toBe(200)
    await vi.waitFor(
      async () =>
        expect(
          await stored("SELECT 1 AS one FROM events_once WHERE message_id = 'after-broken-text'"),
        ).toEqual([{ one: 1 }]),
      patience,
    )
    await vi.waitFor(
      async () =>
        expect(
          await stored("SELECT field FROM refusals_once WHERE field LIKE 'a%' AND reason = 'r'"),
        ).toHaveLength(1),
      patience,
    )
  })

  it('of the store becomes a refusal too, and its neighbours are stored', async () => {
    const { environment } = hub
    const insert: typeof environment.store.insert = async (table, rows, token) => {
      if (table === 'events' && rows.some((row) => row.message_id === 'poison')) {
        throw new StoreError('invalid_query', 'no such row')
      }
      await environment.store.insert(table, rows, token)
    }
    const chunk = {
      ...{ topic: 't', partition: 0, firstOffset: 0n, lastOffset: 0n },
      messages: [
        {
          ...{ key: 'k', identity: 'poisoned', offset: 0n, appendedAtMs: 1 },
          value: JSON.stringify({
            ...{ pop: 'pop-1', region: 'here' },
            ...deliveryOf(
              12,
              ['near-1', 'poison', 'near-2'].map((id) => eventRecord(id)),
            ).batches[0],
          }),
        },
      ],
    }
    const store = { ...environment.store, insert }
    await storeChunk(chunk, { ...environment, store })
    const names = await stored(
      "SELECT message_id FROM events_once WHERE message_id IN ('near-1', 'poison', 'near-2') ORDER BY position",
    )
    expect(names).toEqual([{ message_id: 'near-1' }, { message_id: 'near-2' }])
    const refused = await stored(
      "SELECT reason FROM refusals_once WHERE message_id = 'poison' AND reason = 'unstorable_row'",
    )
    expect(refused).toHaveLength(1)
  })

  it('in the log itself becomes a refusal and blocks nothing behind it', async () => {
    const key = 'shop/a:1'
    const value = JSON.stringify({
      ...{ pop: 'pop-1', region: 'here' },
      ...deliveryOf(9, [eventRecord('behind')]).batches[0],
    })
    await hub.environment.log.append(recordsTopic, [
      { key, identity: 'torn', value: '{"pop":"pop-1","re' },
      { key, identity: 'whole', value },
    ])
    await vi.waitFor(
      async () =>
        expect(
          await stored("SELECT count() AS rows FROM events_once WHERE message_id = 'behind'"),
        ).toEqual([{ rows: 1 }]),
      patience,
    )
    expect(await stored("SELECT body FROM refusals_once WHERE identity = 'torn'")).toEqual([
      { body: '{"pop":"pop-1","re' },
    ])
  })
})
