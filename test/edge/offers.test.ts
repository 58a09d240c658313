import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OffersCore, type Said } from '#edge/offers/core.ts'
import { openRegistry } from '#hub/registry/open-registry.ts'
import type { Registry } from '#hub/registry/registry.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import type { LeaseAnswer } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { offerCodeKey } from '#shared/offers/code.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'

const ten = { site: 'shop', offer: 'ten', budget: 'spring' }
const key = offerCodeKey('a secret of this test', 'shop')
const wanted = {
  ...{ offer: 'ten', budget: 'spring', code: 'generated' as const, prefix: '' },
  ...{ issuesPerVisitorMax: null, heldMs: 1_000 },
}
const nothing: LeaseAnswer = { lease: null, reason: 'budget_spent', settled: [] }

let ids = 0
const newId = () => `lease ${++ids}`

/** A POP over storage that outlives it, with a lease of so many units. */
function pop(units = 0) {
  const storage = sqliteStorage()
  const core = new OffersCore(storage, newId)
  if (units > 0) answer(core, core.question(ten, true), { units })
  return { storage, core, restart: () => new OffersCore(storage, newId) }
}

function answer(
  core: OffersCore,
  said: Said,
  { units = 1, first = 0, codes = null as string[] | null },
) {
  const lease = { lease: said.ask?.lease ?? '', first, units, codes, returnAfterMs: 60_000 }
  core.answered(ten, said, { ...nothing, lease }, 0)
}

const take = (core: OffersCore, visitor: string, at = 0, changes = {}) =>
  core.take({ site: 'shop', visitor }, { ...wanted, ...changes }, key, at)?.reservation ?? null

describe('what a POP hands out', () => {
  it('is each of a lease once, then nothing', () => {
    const { core } = pop(3)
    const codes = ['a:1', 'a:2', 'a:3'].map((visitor) => take(core, visitor)?.code)
    expect(new Set(codes).size).toBe(3)
    expect(take(core, 'a:4')).toBeNull()
  })

  it('is the same for a visitor that asks again in its time, and counts once', () => {
    const { core } = pop(3)
    const first = take(core, 'a:1')
    expect(take(core, 'a:1', 999)).toEqual(first)
    expect(take(core, 'a:1', 1_000)?.code).not.toBe(first?.code)
    expect(core.describe({ site: 'shop', visitor: 'a:1' })).toMatchObject([{ times: 2 }])
  })

  it('is no more than a visitor may have', () => {
    const { core } = pop(3)
    const capped = { issuesPerVisitorMax: 1 }
    expect(take(core, 'a:1', 0, capped)?.outcome).toBe('reserved')
    expect(take(core, 'a:1', 5_000, capped)?.outcome).toBe('visitor_cap')
    expect(take(core, 'a:2', 5_000, capped)?.outcome).toBe('reserved')
  })

  it('is given out once though it crashes after every one', () => {
    const { restart } = pop(5)
    const codes = ['1', '2', '3', '4', '5'].map((visitor) => take(restart(), visitor)?.code)
    expect(new Set(codes).size).toBe(5)
    expect(take(restart(), '1', 500)?.code).toBe(codes[0])
    expect(take(restart(), '6')).toBeNull()
  })

  it('comes of a list in its order, and of no lease that brought no codes', () => {
    const { core } = pop(1)
    expect(take(core, 'a:1', 0, { code: 'list' })).toBeNull()
    answer(core, core.question(ten, true), { units: 2, first: 1, codes: ['A', 'B'] })
    expect(take(core, 'a:1', 0, { code: 'list' })?.code).toBe('A')
    expect(take(core, 'a:2', 0, { code: 'list' })?.code).toBe('B')
  })
})

describe('what a POP says to the hub', () => {
  it('asks under one name until an answer has come, also after a crash', () => {
    const { core, restart } = pop()
    const lost = core.question(ten, true)
    const again = restart().question(ten, false)
    expect(again.ask).toEqual(lost.ask)
    restart().answered(ten, again, nothing, 0)
    expect(restart().question(ten, false).ask).toBeNull()
    expect(restart().question(ten, true).ask).not.toEqual(lost.ask)
  })

  it('is what was handed out, until the hub has it', () => {
    const { core } = pop(2)
    take(core, 'a:1')
    const said = core.question(ten, false)
    expect(said.used).toMatchObject([{ units: 1, closed: false }])
    expect(core.due(0, 10)).toMatchObject([ten])
    core.answered(ten, said, nothing, 0)
    expect(core.due(0, 10)).toEqual([])
    take(core, 'a:2')
    const last = core.question(ten, false)
    expect(last.used).toMatchObject([{ units: 2, closed: true }])
    core.answered(ten, last, nothing, 0)
    expect(core.question(ten, false).used).toMatchObject([{ closed: true }])
    core.answered(ten, last, { ...nothing, settled: [last.used[0]?.lease ?? ''] }, 0)
    expect(core.question(ten, false).used).toEqual([])
  })

  it('gives back what is left in its time, and hands none of it out after that', () => {
    const { core } = pop(3)
    take(core, 'a:1')
    expect(core.due(60_000, 10)).toMatchObject([{ isReturning: true }])
    expect(core.closeDue(ten, 59_999)).toBe(false)
    expect(core.closeDue(ten, 60_000)).toBe(true)
    expect(take(core, 'a:2', 60_000)).toBeNull()
    expect(core.question(ten, false).used).toMatchObject([{ units: 1, closed: true }])
  })

  it('is bounded, whatever the hub answers', () => {
    const { core } = pop()
    for (let number = 0; number < 2 * limits.leasesPerBudgetMax; number++) {
      const said = core.question(ten, true)
      if (said.ask) answer(core, said, { first: number })
    }
    expect(core.question(ten, true).ask).toBeNull()
  })

  it('takes no lease that it has not asked for', () => {
    const { core } = pop()
    const said = core.question(ten, true)
    const lease = { lease: 'another', first: 0, units: 5, codes: null, returnAfterMs: 1 }
    core.answered(ten, said, { ...nothing, lease }, 0)
    expect(take(core, 'a:1')).toBeNull()
  })
})

it('a visitor’s reservations are told, and erased with what was spent left spent', () => {
  const { core } = pop(2)
  take(core, 'a:1')
  take(core, 'a:2')
  const me = { site: 'shop', visitor: 'a:1' }
  expect(core.describe(me)).toMatchObject([{ offer: 'ten', budget: 'spring', times: 1 }])
  expect(core.erase(me)).toBe(1)
  expect([core.erase(me), core.describe(me)]).toEqual([0, []])
  expect(core.describe({ ...me, visitor: 'a:2' })).toHaveLength(1)
  expect(core.forget(999)).toBe(1)
  expect(core.forget(1_001)).toBe(0)
  expect(take(core, 'a:1')).toBeNull()
})

describe('POPs over one registry', () => {
  let directory = ''
  let registry: Registry
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'shelfedge-offers-'))
    registry = await openRegistry({ nowMs: Date.now, dataDir: directory })
  })
  afterAll(async () => {
    await registry?.close()
    await rm(directory, { recursive: true, force: true })
  })

  it.each([1, 2])('give nothing out twice, whatever is lost (seed %d)', async (seed) => {
    const random = seededRandom(seed)
    const site = `shop ${seed}`
    const budget = { ...ten, site }
    const issuesMax = random.integer(30, 60)
    const at = new Date(0)
    /** What the hub does: for its answer to be lost on the way, or never to be asked. */
    const exchange = async (core: OffersCore, nowMs: number, isWanted: boolean) => {
      const said = core.question(budget, isWanted)
      const ask = said.ask && { ...said.ask, unitsMax: 10, issuesMax, hasCodes: false }
      if (random.chance(0.1)) return
      const found = await registry.exchangeLease({ ...budget, pop: 'p', at, ask, used: said.used })
      if (random.chance(0.2)) return
      const lease = found.lease && { ...found.lease, returnAfterMs: 50 }
      const reason = lease || !ask ? null : ('budget_spent' as const)
      core.answered(budget, said, { lease, reason, settled: [...found.settled] }, nowMs)
    }
    const pops = [0, 1, 2, 3].map(() => pop())
    const issued: string[] = []
    for (let step = 0; step < 80; step++) {
      const one = random.pick(pops)
      const core = one.restart()
      const code = core.take({ site, visitor: `a:${step}` }, wanted, key, step)?.reservation.code
      if (code) issued.push(code)
      else await exchange(core, step, true)
      if (random.chance(0.1)) {
        core.closeDue(budget, step)
        await exchange(core, step, false)
      }
      // Its disk is gone, and what it had is never given out.
      if (random.chance(0.02)) pops[pops.indexOf(one)] = pop()
    }
    expect(new Set(issued).size).toBe(issued.length)
    const [state] = await registry.offerBudgets(site, 10)
    expect(issued.length).toBeGreaterThan(10)
    expect(issued.length).toBeLessThanOrEqual(state?.granted ?? 0)
    expect(state?.granted).toBeLessThanOrEqual(issuesMax)
  })
})
