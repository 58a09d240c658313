import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { chainVisits, patience, startTestSystem, type TestSystem } from '../support/local-system.ts'
import { alertQueries, dashboardQueries } from '../support/operations.ts'
import {
  hasPrometheus,
  type Prometheus,
  promtool,
  startPrometheus,
  writeOperations,
} from '../support/prometheus.ts'

const isHere = await hasPrometheus()
if (!isHere) console.warn('Prometheus tests are skipped: it is not here (Debian: prometheus).')

const metricsToken = 'the-token-of-the-scraper-of-the-tests'

/** Series that only a system in trouble has. */
const ofTrouble = /shelfedge_dead_letters_(total|waiting)/

describe.skipIf(!isHere)('a Prometheus on the files of docs/operations', () => {
  let on: TestSystem
  let directory: string
  let prometheus: Prometheus

  beforeAll(async () => {
    on = await startTestSystem({ METRICS_TOKEN: metricsToken })
    directory = await mkdtemp(join(tmpdir(), 'shelfedge-operations-'))
    const { hubUrl, popUrl, secrets } = on.system
    const tokens = { adminToken: secrets.adminToken, metricsToken }
    await writeOperations(directory, { hubUrl, popUrl, ...tokens })
    prometheus = await startPrometheus(directory)
  })
  afterAll(async () => {
    await prometheus?.remove()
    await on?.remove()
    if (directory) await rm(directory, { recursive: true, force: true })
  })

  async function figureOf(query: string): Promise<number | undefined> {
    const [sample] = await prometheus.query(query)
    return sample && Number(sample.value[1])
  }

  test('promtool finds nothing wrong, and every rule fires and does not as its tests say', async () => {
    expect(await promtool(directory, 'check', 'config', 'prometheus.yml')).toContain('SUCCESS')
    expect(await promtool(directory, 'check', 'rules', 'alerts.yml')).toMatch(/SUCCESS: \d+ rules/)
    expect(await promtool(directory, 'test', 'rules', 'alerts.test.yml')).toContain('SUCCESS')
  })

  it('scrapes hub and POP with the tokens of the example', async () => {
    await vi.waitFor(async () => {
      expect(await figureOf('up{job="shelfedge-hub"}')).toBe(1)
      expect(await figureOf('up{job="shelfedge-pop"}')).toBe(1)
    }, patience)
  })

  it('is told what was taken, stored, learned and sent, and that nothing waits', async () => {
    const visits = chainVisits('first', 600, 40)
    for (let at = 0; at < visits.length; at += 100) {
      await on.post('shop', visits.slice(at, at + 100).flat())
    }
    await on.post('shop', visits.slice(0, 10).flat())
    await on.post('shop', [{ type: 'purchase', messageId: 'unknown type', anonymousId: 'v' }])
    await vi.waitFor(
      async () => expect(await figureOf('shelfedge_rows_stored_total{table="events"}')).toBe(1_800),
      patience,
    )
    const training = await on.retrain('shop')
    expect(training.outcome).toBe('published')
    await vi.waitFor(async () => {
      await on.decide('shop', 'watcher')
      const live = await prometheus.query('shelfedge_live_release_info{site="shop"} == 1')
      expect(live[0]?.metric.digest).toBe(training.digest)
    }, patience)
    await fetch(`${on.system.hubUrl}/v1/status`)
    await fetch(`${on.system.popUrl}/v1/batch`, { method: 'POST', body: '{}' })
    await vi.waitFor(async () => {
      expect(await figureOf('shelfedge_events_accepted_total')).toBe(1_800)
      expect(await figureOf('shelfedge_events_duplicate_total')).toBe(30)
      expect(await figureOf('shelfedge_events_refused_total{reason="unknown_type"}')).toBe(1)
      expect(await figureOf('shelfedge_records_received_total{kind="event"}')).toBe(1_800)
      expect(await figureOf('sum(shelfedge_consumer_lag_messages)')).toBe(0)
      expect(await figureOf('max(shelfedge_oldest_not_stored_seconds)')).toBe(0)
      expect(await figureOf('shelfedge_outbox_batches')).toBe(0)
      expect(await figureOf('shelfedge_trainings_total{outcome="published"}')).toBe(1)
      expect(await figureOf('shelfedge_release_pushes_total{outcome="live"}')).toBe(1)
      expect(await figureOf('shelfedge_scrape_failures_total{of="lag"}')).toBe(0)
    }, patience)
  })

  it('answers every question of the dashboard with something, and of the rules without an error', async () => {
    for (const { query } of await alertQueries()) await prometheus.query(query)
    await vi.waitFor(async () => {
      const empty: string[] = []
      for (const { from, query } of await dashboardQueries()) {
        const samples = await prometheus.query(query)
        if (samples.length === 0 && !ofTrouble.test(query)) empty.push(`${from}: ${query}`)
      }
      expect(empty).toEqual([])
    }, patience)
  })

  it('has loaded every rule, and none fires while all is well', async () => {
    const rules = await vi.waitFor(async () => {
      const evaluated = await prometheus.rules()
      expect(new Set(evaluated.map(({ health }) => health))).toEqual(new Set(['ok']))
      return evaluated
    }, patience)
    expect(rules).toHaveLength((await alertQueries()).length)
    expect(rules.filter(({ state }) => state === 'firing')).toEqual([])
  })
})
