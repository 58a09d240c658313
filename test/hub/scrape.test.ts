import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { LogError } from '#hub/log/log.ts'
import { Schedule } from '#hub/schedule.ts'
import { Trainings } from '#hub/trainings.ts'
import { ingestPath } from '#shared/contract.ts'
import {
  adminToken,
  counterOf,
  deliveryOf,
  eventRecord,
  openTestHub,
  signedIngest,
  type TestHub,
} from '#test/support/hub.ts'

const patience = { timeout: 20_000 }
let hub: TestHub
beforeAll(async () => {
  hub = await openTestHub({ POP_URLS: '["http://pop.test:8787"]' })
})
afterAll(() => hub?.close())

/** The hub, with another log or store. */
function appWith(changes: object) {
  const environment = { ...hub.environment, ...changes }
  return hubApp(environment, new Schedule(environment))
}

async function scraped(app = appWith({})): Promise<string> {
  const response = await app.request('/metrics', {
    headers: { authorization: `Bearer ${adminToken}` },
  })
  expect(response.status).toBe(200)
  return response.text()
}

describe('the metrics of the hub', () => {
  it('are for operators, in the text format of Prometheus', async () => {
    const app = appWith({})
    expect((await app.request('/metrics')).status).toBe(401)
    const headers = { authorization: `Bearer ${adminToken}` }
    const response = await app.request('/metrics', { headers })
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  })

  it('count what came, was stored and how long that took', async () => {
    const app = appWith({})
    const records = [eventRecord('counted'), eventRecord('counted too'), { kind: 'poem' }]
    const outbox = { batches: 4, bytes: 2_000, oldestAgeMs: 90_500 }
    const delivery = { ...deliveryOf(1, records), outbox }
    expect((await app.request(ingestPath, await signedIngest(delivery))).status).toBe(200)
    expect(await counterOf(app, 'shelfedge_records_received_total{kind="event"}')).toBe(2)
    expect(await counterOf(app, 'shelfedge_records_received_total{kind="unknown"}')).toBe(1)
    expect(await counterOf(app, 'shelfedge_pop_outbox_oldest_age_seconds{pop="pop-1"}')).toBe(90.5)
    await vi.waitFor(async () => {
      expect(await counterOf(app, 'shelfedge_rows_stored_total{table="events"}')).toBe(2)
      const inserts = 'shelfedge_insert_duration_seconds_count{table="events"}'
      expect(await counterOf(app, inserts)).toBeGreaterThan(0)
    }, patience)
  })

  it('count a training that failed from 0, and when one last ended well', async () => {
    const text = await scraped()
    expect(text).toContain('shelfedge_trainings_total{outcome="failed"} 0')
    const since = await counterOf(
      appWith({}),
      'shelfedge_last_training_timestamp_seconds{site="shop"}',
    )
    expect(since).toBeGreaterThan(1.7e9)
    const trainings = new Trainings(hub.environment)
    const before = await counterOf(
      appWith({}),
      'shelfedge_training_duration_seconds_count{outcome="too_little"}',
    )
    expect(await trainings.runFor('shop', 'test')).toMatchObject({ outcome: 'too_little' })
    const name = 'shelfedge_training_duration_seconds_count{outcome="too_little"}'
    expect(await counterOf(appWith({}), name)).toBe(before + 1)
  })

  it('say how many dead letters wait, until somebody has looked at them', async () => {
    const app = appWith({})
    const waiting = 'shelfedge_dead_letters_waiting{reason="invalid_record"}'
    const delivery = deliveryOf(2, [{ ...eventRecord('half'), items: 'none' }])
    expect((await app.request(ingestPath, await signedIngest(delivery))).status).toBe(200)
    await vi.waitFor(async () => expect(await counterOf(app, waiting)).toBe(1), patience)
    const headers = { authorization: `Bearer ${adminToken}` }
    const path = '/v1/deadletters'
    const listed = await app.request(`${path}?reason=invalid_record`, { headers })
    const { letters } = (await listed.json()) as { letters: { id: string }[] }
    const id = letters[0]?.id
    await app.request(`${path}/${id}/discard`, { method: 'POST', headers })
    expect(await scraped(app)).toContain(`${waiting} 0`)
  })

  it('name a POP by where it is, from before the first push', async () => {
    const text = await scraped()
    expect(text).toContain('shelfedge_release_pushes_total{outcome="failed",pop="pop.test:8787"} 0')
  })

  it('are served while the log is away, without a lag that may no longer be true', async () => {
    expect(await scraped()).toContain('shelfedge_consumer_lag_messages{partition="0"}')
    const away = () => Promise.reject(new LogError('unavailable', 'no broker answers'))
    const app = appWith({ log: { lag: away, size: away } })
    const failures = 'shelfedge_scrape_failures_total{of="lag"}'
    const before = await counterOf(appWith({}), failures)
    const text = await scraped(app)
    expect(text).toContain(`${failures} ${before + 1}`)
    expect(text).not.toContain('shelfedge_consumer_lag_messages{')
    expect(text).toContain('process_cpu_seconds_total')
    expect(await scraped()).toContain('shelfedge_consumer_lag_messages{partition="0"}')
  })

  it('are served while the log hangs, which is asked once however many wait', async () => {
    const asked = vi.fn(() => new Promise<never>(() => {}))
    const app = appWith({ log: { lag: asked, size: async () => null } })
    const texts = await Promise.all([scraped(app), scraped(app)])
    expect(asked).toHaveBeenCalledTimes(1)
    for (const text of texts) {
      expect(text).toContain('shelfedge_batches_accepted_total')
      expect(text).not.toMatch(/^shelfedge_log_size_bytes /m)
    }
  })
})
