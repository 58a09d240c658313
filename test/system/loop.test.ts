import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  chainVisits,
  patience,
  startTestSystem,
  type TestSite,
  type TestSystem,
  viewOf,
} from '#test/support/local-system.ts'

// Real processes: the hub with its embedded store, the POP in workerd, HTTP between them.

const startTimeMaxMs = 120_000
const testTimeMaxMs = 180_000

async function untilStored(on: TestSystem, site: TestSite, events: number): Promise<void> {
  const sql = `SELECT count() FROM events_once WHERE site = '${site}'`
  await vi.waitFor(async () => expect(await on.count(sql)).toBe(events), patience)
}

/** Trains, and waits until the POP answers by what was trained. */
async function trainUntilLive(on: TestSystem, site: TestSite): Promise<string> {
  const training = await on.retrain(site)
  expect(training).toMatchObject({
    outcome: 'published',
    reason: expect.stringContaining("is above popularity's"),
  })
  await vi.waitFor(
    async () => expect((await on.decide(site, 'watcher')).release).toBe(training.digest),
    patience,
  )
  return training.digest ?? ''
}

function idsOf(items: readonly { readonly id: string }[]): string[] {
  return items.map(({ id }) => id)
}

describe('the loop', { timeout: testTimeMaxMs }, () => {
  let on: TestSystem
  const visits = chainVisits('first', 600, 40)
  beforeAll(async () => {
    on = await startTestSystem()
  }, startTimeMaxMs)
  afterAll(() => on?.remove())

  it('stores every event once, though every batch is posted twice', async () => {
    let duplicates = 0
    for (let at = 0; at < visits.length; at += 50) {
      const batch = visits.slice(at, at + 50).flat()
      const receipts = await Promise.all([on.post('shop', batch), on.post('shop', batch)])
      for (const receipt of receipts) duplicates += receipt.duplicates
    }
    expect(duplicates).toBe(1_800)
    await untilStored(on, 'shop', 1_800)
    // Not the view that folds what came twice: the table itself.
    expect(await on.count('SELECT count() FROM events')).toBe(1_800)
  })

  it('answers without a model by what is popular, and says that there is none', async () => {
    const answer = await on.decide('shop', 'early bird', [viewOf('early bird', 'first-0-a')])
    expect(answer).toMatchObject({ release: null, fallback: 'no_release' })
    expect(idsOf(answer.items)).not.toContain('first-0-a')
    expect(answer.items.length).toBeGreaterThan(0)
  })

  it('answers by the model it trained, which knows what visitors look at next', async () => {
    const digest = await trainUntilLive(on, 'shop')
    for (const chain of ['first-3', 'first-17', 'first-39']) {
      const visitor = `visitor of ${chain}`
      const answer = await on.decide('shop', visitor, [viewOf(visitor, `${chain}-a`)])
      expect(answer).toMatchObject({ release: digest, fallback: null })
      expect(answer.items[0]).toMatchObject({ id: `${chain}-b`, by: 'model' })
    }
  })

  it('swaps to the next model without a restart, in the middle of a visit', async () => {
    const before = await on.decide('shop', 'stays', [viewOf('stays', 'first-5-a')])
    for (const visit of chainVisits('second', 200, 40)) await on.post('shop', visit)
    await vi.waitFor(
      async () =>
        expect(
          await on.count(`SELECT count() FROM events_once WHERE startsWith(visitor, 'a:second')`),
        ).toBe(600),
      patience,
    )
    const digest = await trainUntilLive(on, 'shop')
    const after = await on.decide('shop', 'stays')
    expect(digest).not.toBe(before.release)
    expect(after.release).toBe(digest)
    expect(after.items[0]?.id).toBe('first-5-b')
    const newcomer = await on.decide('shop', 'newcomer', [viewOf('newcomer', 'second-7-a')])
    expect(newcomer.items[0]).toMatchObject({ id: 'second-7-b', by: 'model' })
    const sql = `SELECT session, release, features FROM decisions_once
      WHERE decision_id IN ('${before.decisionId}', '${after.decisionId}') ORDER BY at`
    const rows = await vi.waitFor(async () => {
      const stored = await on.query<Record<'session' | 'release' | 'features', string>>(sql)
      expect(stored).toHaveLength(2)
      return stored
    }, patience)
    expect(rows.map((row) => row.release)).toEqual([before.release, digest])
    expect(rows[1]?.session).toBe(rows[0]?.session)
    expect(rows.map((row) => JSON.parse(row.features).items)).toEqual([
      ['first-5-a'],
      ['first-5-a'],
    ])
  })

  it('shows the other site nothing of it, under the same name of a visitor', async () => {
    const events = [viewOf('stays', 'only-here')]
    await on.post('other', [viewOf('somebody', 'also-here')])
    const answer = await on.decide('other', 'stays', events)
    expect(answer).toMatchObject({ release: null, fallback: 'no_release' })
    expect(idsOf(answer.items)).toEqual(['also-here'])
    await untilStored(on, 'other', 2)
    expect(await on.retrain('other')).toMatchObject({ outcome: 'too_little' })
    const shop = await on.decide('shop', 'stays')
    expect(idsOf(shop.items)).not.toContain('only-here')
    const sql = `SELECT DISTINCT site FROM events_once ARRAY JOIN items AS item WHERE item LIKE`
    expect(await on.query(`${sql} '%-here'`)).toEqual([{ site: 'other' }])
    expect(await on.query(`${sql} 'first-%'`)).toEqual([{ site: 'shop' }])
  })
})

describe('an outage', { timeout: testTimeMaxMs }, () => {
  let on: TestSystem
  let digest: string
  const history = chainVisits('known', 600, 40)
  beforeAll(async () => {
    on = await startTestSystem()
    for (let at = 0; at < history.length; at += 100) {
      await on.post('shop', history.slice(at, at + 100).flat())
    }
    await untilStored(on, 'shop', 1_800)
    digest = await trainUntilLive(on, 'shop')
  }, startTimeMaxMs)
  afterAll(() => on?.remove())

  const visitors = Array.from({ length: 10 }, (_, number) => `${number}`)

  /** One more view of every visitor, one request each. */
  async function viewBy(prefix: string, step: number): Promise<void> {
    await Promise.all(
      visitors.map((number) => on.post('shop', [viewOf(`${prefix} ${number}`, `step-${step}`)])),
    )
  }

  /** What the store has of some visitors, each in the order of its batches. */
  async function storedSteps(prefix: string): Promise<string[][]> {
    const rows = await on.query<{ items: string[] }>(`
      SELECT groupArray(items[1]) AS items FROM (
        SELECT visitor, items FROM events_once WHERE startsWith(visitor, 'a:${prefix} ')
        ORDER BY visitor, epoch, sequence, position) GROUP BY visitor`)
    return rows.map((row) => row.items)
  }

  it('of the hub is not seen by visitors, and nothing of it is missing or twice afterwards', async () => {
    await viewBy('outage', 0)
    await on.system.stopHub()
    for (const step of [1, 2, 3]) await viewBy('outage', step)
    const answer = await on.decide('shop', 'meanwhile', [viewOf('meanwhile', 'known-4-a')])
    expect(answer).toMatchObject({ release: digest, fallback: null })
    expect(answer.items[0]?.id).toBe('known-4-b')
    await on.system.startHub()
    await viewBy('outage', 4)
    const steps = [0, 1, 2, 3, 4].map((step) => `step-${step}`)
    await vi.waitFor(
      async () => expect(await storedSteps('outage')).toEqual(visitors.map(() => steps)),
      patience,
    )
    const decided = `SELECT count() FROM decisions_once WHERE decision_id = '${answer.decisionId}'`
    await vi.waitFor(async () => expect(await on.count(decided)).toBe(1), patience)
  })

  it('of the hub and then of the POP, killed, loses no release, no session and no event', async () => {
    await on.system.stopHub()
    await viewBy('killed', 0)
    await on.decide('shop', 'continues', [viewOf('continues', 'known-8-a')])
    await killPop(on)
    await on.system.startPop()
    // The hub is still away: release, session and outbox can only come from the POP's own disk.
    const answer = await on.decide('shop', 'continues')
    expect(answer).toMatchObject({ release: digest, fallback: null })
    expect(answer.items[0]?.id).toBe('known-8-b')
    expect(await on.post('shop', [viewOf('killed 0', 'step-0')])).toMatchObject({
      accepted: 0,
      duplicates: 1,
    })
    await viewBy('killed', 1)
    await on.system.startHub()
    await vi.waitFor(
      async () =>
        expect(await storedSteps('killed')).toEqual(visitors.map(() => ['step-0', 'step-1'])),
      patience,
    )
  })
})

/** Kills the runtime that holds the state, not only the program that watches over it: nothing is said goodbye. */
async function killPop({ system }: TestSystem): Promise<void> {
  const { pid } = system.pop.process
  const children = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).split('\n')
  for (const child of children.filter(Boolean)) process.kill(Number(child), 'SIGKILL')
  system.pop.process.kill('SIGKILL')
  await system.stopPop()
}
