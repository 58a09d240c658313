import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { LogError } from '#hub/log/log.ts'
import { Schedule } from '#hub/schedule.ts'
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
})
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
    ['is closed', new LogError('closed', 'the log is closed'), 503, 'hub_stopping', '1'],
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
})
