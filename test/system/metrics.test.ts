import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  chainVisits,
  patience,
  startTestSystem,
  type TestSystem,
  viewOf,
} from '#test/support/local-system.ts'
import {
  alertQueries,
  dashboard,
  dashboardQueries,
  operationsFile,
  ruleTestSeries,
} from '#test/support/operations.ts'
import { exposes, type Selected, selectedMetrics } from '#test/support/promql-names.ts'

// Real processes: what is checked here is what a Prometheus of an operator would be served.

const metricsToken = 'the-token-of-the-scraper-of-the-tests'
const startTimeMaxMs = 120_000

/** What Prometheus itself has of every target. */
const ofPrometheus = ['up']

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem({ METRICS_TOKEN: metricsToken })
}, startTimeMaxMs)
afterAll(() => on?.remove())

async function metricsOf(side: 'hub' | 'pop'): Promise<string> {
  const { hubUrl, popUrl, secrets } = on.system
  const token = side === 'hub' ? secrets.adminToken : metricsToken
  const url = `${side === 'hub' ? hubUrl : popUrl}/metrics`
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  return response.text()
}

/** The value of one series, 0 while it is not there. */
function seriesOf(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return Number(line?.slice(series.length) ?? 0)
}

describe('the metrics of a running system', { timeout: startTimeMaxMs }, () => {
  it('follow an event from the POP into the store', async () => {
    const visits = chainVisits('counted', 10, 5)
    await on.post('shop', visits.flat())
    await on.post('shop', visits.flat())
    await on.decide('shop', 'somebody', [viewOf('somebody', 'counted-0-a')])
    const pop = await metricsOf('pop')
    expect(seriesOf(pop, 'shelfedge_events_accepted_total')).toBe(31)
    expect(seriesOf(pop, 'shelfedge_events_duplicate_total')).toBe(30)
    expect(seriesOf(pop, 'shelfedge_decisions_total{fallback="no_release"}')).toBe(1)
    await vi.waitFor(async () => {
      const hub = await metricsOf('hub')
      expect(seriesOf(hub, 'shelfedge_rows_stored_total{table="events"}')).toBe(31)
      expect(seriesOf(hub, 'shelfedge_rows_stored_total{table="decisions"}')).toBe(1)
      expect(seriesOf(hub, 'shelfedge_records_received_total{kind="event"}')).toBe(31)
      const batches = await metricsOf('pop')
      expect(seriesOf(batches, 'shelfedge_outbox_batches')).toBe(0)
      expect(hub).toContain('shelfedge_pop_outbox_oldest_age_seconds{pop="local"}')
    }, patience)
  })

  it('tell at the POP that the hub is away, and how much waits for it since when', async () => {
    await on.system.stopHub()
    await on.post('shop', [viewOf('waiting', 'counted-0-b')])
    await vi.waitFor(async () => {
      const pop = await metricsOf('pop')
      expect(seriesOf(pop, 'shelfedge_outbox_batches')).toBe(1)
      expect(seriesOf(pop, 'shelfedge_outbox_oldest_age_seconds')).toBeGreaterThan(0)
      expect(seriesOf(pop, 'shelfedge_forwards_total{outcome="failed"}')).toBeGreaterThan(0)
    }, patience)
    await on.system.startHub()
    await vi.waitFor(
      async () => expect(seriesOf(await metricsOf('pop'), 'shelfedge_outbox_batches')).toBe(0),
      patience,
    )
  })
})

describe('what operators are given', { timeout: startTimeMaxMs }, () => {
  it('asks for metrics that are there, of the side that has them', async () => {
    const texts: Record<string, string> = {
      'shelfedge-hub': await metricsOf('hub'),
      'shelfedge-pop': await metricsOf('pop'),
    }
    const isThere = ({ name, labels: { job, ...labels } }: Selected) =>
      ofPrometheus.includes(name) ||
      Object.entries(texts).some(
        ([side, text]) => (job ?? side) === side && exposes(text, name, labels),
      )
    const questions = [
      ...(await alertQueries()),
      ...(await dashboardQueries()),
      ...(await ruleTestSeries()),
    ]
    const missing = questions.flatMap(({ from, query }) =>
      selectedMetrics(query)
        .filter((selected) => !isThere(selected))
        .map((selected) => ({ from, ...selected })),
    )
    expect(questions.length).toBeGreaterThan(60)
    expect(missing).toEqual([])
  })

  it('would show a slip in a name or a label', async () => {
    const slip = `sum by (le, table) (rate(no_such_bucket{table="a", job="shelfedge-hub"}[5m] offset 1h)) > 1e3
      and on (instance) group_left (site) (time() - 3 * other_name > 0.5) or vector(0)`
    expect(selectedMetrics(slip)).toEqual([
      { name: 'no_such_bucket', labels: { table: 'a', job: 'shelfedge-hub' } },
      { name: 'other_name', labels: {} },
    ])
    const hub = await metricsOf('hub')
    expect(exposes(hub, 'shelfedge_trainings_total', { outcome: 'failed' })).toBe(true)
    expect(exposes(hub, 'shelfedge_trainings_total', { outcome: 'fell over' })).toBe(false)
    expect(exposes(hub, 'shelfedge_insert_duration_seconds_bucket', {})).toBe(true)
    expect(exposes(hub, 'shelfedge_store_retries_bucket', {})).toBe(false)
  })

  it('has every rule in the runbook and in the tests of the rules, fired and not', async () => {
    const [runbook, tests] = await Promise.all(
      ['runbook.md', 'alerts.test.yml'].map((name) => operationsFile(name)),
    )
    const rules = (await alertQueries()).map(({ from }) => from.replace('rule ', ''))
    expect(rules.length).toBeGreaterThan(10)
    for (const rule of rules) {
      expect(runbook).toContain(`**${rule}**`)
      expect(tests).toContain(`- name: ${rule} fires`)
      expect(tests).toContain(`- name: ${rule} does not fire`)
    }
  })

  it('is a dashboard whose panels have an id each and do not lie on one another', async () => {
    const { schemaVersion, panels } = await dashboard()
    expect(schemaVersion).toBe(42)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.every(({ type, targets = [] }) => type === 'row' || targets.length > 0)).toBe(
      true,
    )
  })
})
