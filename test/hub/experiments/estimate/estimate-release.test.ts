import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { StoredDecision } from '#hub/decisions/find-decision.ts'
import { ReplayedRelease } from '#hub/decisions/replay.ts'
import type { ReleaseEstimate } from '#hub/experiments/estimate/estimate-release.ts'
import { rowOf } from '#hub/rows.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import type { DecisionRecord, EventRecord, ShelfRecord } from '#shared/contract.ts'
import type { Placement } from '#shared/kinds/table.ts'
import type { Model } from '#shared/model.ts'
import { packRelease, type ReleaseParts } from '#shared/release.ts'
import { totalsAt } from '#shared/totals.ts'
import { minuteMs, shelfEvent } from '#test/support/events.ts'
import { adminToken, openTestHub, serveTestHub, type TestHub } from '#test/support/hub.ts'
import { itemId, smallRelease } from '#test/support/release.ts'
import { runProgram } from '#test/support/start-program.ts'

// Visitors are shown what one release and chance put first; the hub is asked of releases that answered nobody.

const rates = [0.1, 0.2, 0.4, 0.1, 0.1, 0.9]
const decisionsTotal = 1_500
const hourMs = 60 * minuteMs

let hub: TestHub
let served: Awaited<ReturnType<typeof serveTestHub>>
let hubUrl = ''
const now = Date.now()

/** A release that puts what is popular first, in this order of item numbers. */
function popular(order: readonly number[]): ReleaseParts {
  const explore = { share: 0.5, among: 3 }
  const placement = { model: 'popularity', itemsMax: 6, explore }
  const parts = smallRelease({ site: 'shop', sessions: [[0, 1]], itemsTotal: 6, placement })
  const popularity = order.map((number, at) => ({ id: itemId(number), score: 1 - at / 10 }))
  return { ...parts, popularity }
}

async function kept(parts: ReleaseParts): Promise<string> {
  const packed = await packRelease(parts)
  await hub.environment.blobs.put(packed.bytes)
  await hub.environment.registry.addRelease({
    ...{ digest: packed.digest, site: 'shop', createdAt: new Date(now), createdBy: 'test' },
    ...{ manifest: parts.manifest, bytesTotal: packed.bytes.length },
  })
  return packed.digest
}

/** What was decided, shown and done, by the code that decides. */
async function logged(digest: string, parts: ReleaseParts): Promise<ShelfRecord[][]> {
  const random = seededRandom(7)
  const release = new ReplayedRelease(parts)
  const all: ShelfRecord[][] = []
  for (let number = 0; number <= decisionsTotal; number++) {
    const at = now - 72 * hourMs + number * 1_000
    const decision: Omit<StoredDecision, 'site' | 'visitor' | 'pop' | 'shownAt'> = {
      ...{ decisionId: randomUUID(), at, placement: 'product-page', release: digest },
      ...{ model: 'popularity', fallback: null, session: '', answerKind: 'items', answer: {} },
      features: { items: [], totals: totalsAt(null, at), context: {}, variants: {} },
      inputs: {
        ...{ session: { events: 0, bot: false }, timeZone: 'UTC', itemsMax: 6, events: [] },
      },
      ...{ effects: [], items: [], scores: [] },
    }
    const whose = { site: 'shop', visitor: `a:${number}`, pop: 'p', shownAt: null }
    const { outcome } = await release.decide({ ...decision, ...whose })
    const record: DecisionRecord = {
      ...{ kind: 'decision', ...decision, effects: [], answer: outcome.answer },
      ...{ items: outcome.items.map(({ id }) => id), scores: outcome.items.map((i) => i.score) },
    }
    const first = Number(record.items[0]?.slice('item-'.length))
    const act = (event: string, afterMs: number, changes: object): EventRecord => ({
      ...{ kind: 'event', session: 's', late: false, ...shelfEvent({ timestamp: at + afterMs }) },
      ...{ event, messageId: randomUUID(), items: [], ...changes },
    })
    const properties = { decisionId: record.decisionId }
    const shown = act('Decision Shown', 1, { properties })
    // What somebody made up beforehand is no exposure, and does not hide the one that followed.
    const foretold = act('Decision Shown', -hourMs, { properties })
    if (number === decisionsTotal) {
      all.push([record, foretold])
      continue
    }
    const isTaken = random.chance(rates[first] as number)
    const taken = act('Product Viewed', minuteMs, { items: [record.items[0]] })
    all.push([record, foretold, shown, ...(isTaken ? [taken] : [])])
  }
  await release.close()
  return all
}

async function estimate(digest: string, query = '') {
  const headers = { authorization: `Bearer ${adminToken}` }
  const path = `/v1/releases/${digest}/estimate?placement=product-page${query}`
  const response = await fetch(hubUrl + path, { headers })
  return { status: response.status, body: (await response.json()) as ReleaseEstimate }
}

let [first, better, unseen] = ['', '', '']
beforeAll(async () => {
  hub = await openTestHub()
  served = await serveTestHub(hub)
  hubUrl = served.url
  const parts = popular([0, 1, 2, 3, 4, 5])
  first = await kept(parts)
  better = await kept(popular([2, 0, 1, 3, 4, 5]))
  unseen = await kept(popular([5, 0, 1, 2, 3, 4]))
  const rows = (await logged(first, parts)).flatMap((records, number) =>
    records.map((record, position) => {
      const place = { epoch: 1, sequence: 1, position, pop: 'p', region: 'r' }
      return rowOf(record, { site: 'shop', visitor: `a:${number}`, ...place })
    }),
  )
  for (const table of ['events', 'decisions'] as const) {
    const own = rows.filter((each) => each.table === table).map(({ row }) => row)
    await hub.environment.store.insert(table, own, randomUUID())
  }
})
afterAll(async () => {
  served?.close()
  await hub?.close()
})

describe('what a release would have brought', () => {
  it('is found within its intervals, by decisions that another one and chance made', async () => {
    const { status, body } = await estimate(better)
    expect(status).toBe(200)
    expect(body).toMatchObject({ decisions: decisionsTotal, refusal: null })
    expect(Math.abs(body.explored / decisionsTotal - 0.5)).toBeLessThan(0.07)
    for (const { value, low, high, difference } of Object.values(body.estimates ?? {})) {
      // Three standard errors about what is true: how often the item that it puts first is taken.
      expect(Math.abs(value - 0.4)).toBeLessThan(0.75 * (high - low))
      expect(difference.low).toBeGreaterThan(0)
    }
  })

  it('is found with the turns of others in between', async () => {
    let turn = 0
    const tick = () => {
      turn++
      next = setImmediate(tick)
    }
    let next = setImmediate(tick)
    const decided: number[] = []
    const { decide } = ReplayedRelease.prototype
    const spy = vi.spyOn(ReplayedRelease.prototype, 'decide')
    spy.mockImplementation(function (this: ReplayedRelease, decision) {
      decided.push(turn)
      return decide.call(this, decision)
    })
    await estimate(better)
    spy.mockRestore()
    clearImmediate(next)
    expect(decided).toHaveLength(decisionsTotal)
    const inOneTurn = Map.groupBy(decided, (each) => each)
    expect(Math.max(...[...inOneTurn.values()].map(({ length }) => length))).toBeLessThan(50)
  })

  it('is what it was without chance, for the release that answered', async () => {
    const { body } = await estimate(first)
    const { value = 0, low = 0, high = 0 } = body.estimates?.selfNormalised ?? {}
    expect(Math.abs(value - 0.1)).toBeLessThan(0.75 * (high - low))
    expect(value).toBeLessThan(body.logged?.value ?? 0)
  })

  it('is refused where chance never put its choice first, or too few decisions speak for it', async () => {
    expect((await estimate(unseen)).body).toMatchObject({
      estimates: null,
      refusal: expect.stringContaining('are needed'),
    })
    const none = await estimate(better, '&days=1')
    expect(none.body).toMatchObject({ decisions: 0, logged: null, estimates: null })
  })

  it('is not told of the release of another site, nor of a model that reads what was not stored', async () => {
    const other = await packRelease(
      smallRelease({ site: 'other', sessions: [[0, 1]], itemsTotal: 6 }),
    )
    await hub.environment.blobs.put(other.bytes)
    expect((await estimate(other.digest)).status).toBe(404)
    const parts = popular([0, 1, 2, 3, 4, 5])
    const evening: Model = {
      ...{ family: 'time-of-day', inputs: ['slot', 'candidates', 'weights'] },
      ...{ outputs: ['items', 'scores'], beside: 'session-knn', candidatesMax: 10, itemsTotal: 6 },
      features: [
        { name: 'hour', from: 'time.hour', type: 'number', imputed: 12 },
        { name: 'weekday', from: 'time.weekday', type: 'number', imputed: 1 },
      ],
    }
    const home = { ...parts.policy.placements['product-page'], model: 'evening' } as Placement
    const byHour = await kept({
      ...parts,
      policy: { ...parts.policy, placements: { 'product-page': home } },
      manifest: { ...parts.manifest, models: { ...parts.manifest.models, evening } },
      models: { ...parts.models, evening: Uint8Array.of(1) },
    })
    expect(await estimate(byHour)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('evening names no items of a session') },
    })
  })

  it.each([
    ['&days=soon', 400],
    ['&hours=0', 400],
    ['&colour=red', 400],
  ])('is not asked with %s', async (query, status) => {
    expect((await estimate(better, query)).status).toBe(status)
  })

  it('is told on the command line', async () => {
    const ask = (digest: string) =>
      runProgram('hub/cli/main.ts', { ADMIN_TOKEN: adminToken }, [
        ...['--hub', hubUrl, 'releases', 'estimate', digest.slice(0, 12)],
        ...['--placement', 'product-page'],
      ])
    const told = await ask(better)
    expect(told).toMatchObject({ status: 0, stderr: '' })
    expect(told.stdout).toMatch(/^doublyRobust +\d+\.\d\d % \(/m)
    const refused = await ask(unseen)
    expect(refused).toMatchObject({ status: 1, stderr: '' })
    expect(refused.stdout).toContain('No estimate:')
  })
})
