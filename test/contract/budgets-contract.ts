/** What every registry must do with budgets of offers, whatever database keeps them. */

import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { BudgetOf, LeaseExchange, Registry } from '#hub/registry/registry.ts'
import { seededRandom } from '#hub/synthetic/random.ts'

export interface BudgetsContract {
  /** The same registry over connections of its own, as two hubs have it. */
  readonly registries: () => readonly [Registry, Registry]
}

type Used = LeaseExchange['used']
const at = new Date('2026-03-01T12:00:00Z')

export function budgetsContract({ registries }: BudgetsContract): void {
  const budgetOf = (): BudgetOf => ({ site: `site-${randomUUID()}`, offer: 'ten', budget: 'one' })

  /** A POP that asks one hub or the other. */
  function asking(budget: BudgetOf, issuesMax: number, hasCodes = false) {
    return async (hub: number, lease: string | null, used: Used = [], unitsMax = 1_000) => {
      const ask = lease === null ? null : { lease, unitsMax, issuesMax, hasCodes }
      const registry = registries()[hub % 2] as Registry
      return registry.exchangeLease({ ...budget, pop: `pop-${hub}`, at, ask, used })
    }
  }

  const stateOf = async ({ site }: BudgetOf) => (await registries()[0].offerBudgets(site, 10))[0]

  test('POPs that race at two hubs are granted a budget to its last issue, and no more', async () => {
    const budget = budgetOf()
    const ask = asking(budget, 300)
    const numbers: number[] = []
    const race = async (pop: number) => {
      for (;;) {
        const { lease } = await ask(pop, randomUUID(), [], 40)
        if (lease === null) return
        for (let unit = 0; unit < lease.units; unit++) numbers.push(lease.first + unit)
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, pop) => race(pop)))
    expect(numbers).toHaveLength(300)
    expect(new Set(numbers).size).toBe(300)
    expect(await stateOf(budget)).toMatchObject({ granted: 300, handedOut: 0 })
  })

  test('a lease that is asked for again is the same', async () => {
    const budget = budgetOf()
    const ask = asking(budget, 1_000)
    const first = await ask(0, 'lost')
    expect(await ask(1, 'lost')).toEqual(first)
    expect(await stateOf(budget)).toMatchObject({ granted: first.lease?.units, leasesOpen: 1 })
  })

  test('what was not handed out goes back once, with its codes, and its numbers never again', async () => {
    const budget = budgetOf()
    const [registry] = registries()
    expect(await registry.addOfferCodes(budget, ['a', 'b', 'c'])).toBe(3)
    expect(await registry.addOfferCodes(budget, ['b', 'd'])).toBe(1)
    const ask = asking(budget, 1_000, true)
    expect((await ask(0, 'one')).lease).toMatchObject({ units: 1, codes: ['a'] })
    expect((await ask(0, 'two')).lease).toMatchObject({ first: 1, codes: ['b'] })
    const closed = [
      { lease: 'one', units: 1, closed: true },
      { lease: 'two', units: 0, closed: true },
    ]
    for (const _ of ['said', 'said again']) {
      expect((await ask(1, null, closed)).settled).toEqual(['one', 'two'])
      expect(await stateOf(budget)).toMatchObject({ granted: 1, handedOut: 1, codesLeft: 3 })
    }
    expect((await ask(0, 'three')).lease).toMatchObject({ first: 2, codes: ['b'] })
    expect((await ask(0, 'two')).lease).toBeNull()
    expect((await ask(0, 'four')).lease).toMatchObject({ codes: ['c'] })
    expect((await ask(0, 'five')).lease).toMatchObject({ codes: ['d'] })
    expect((await ask(0, 'six')).lease).toBeNull()
  })

  test('codes are counted by budget, and others have their turns while many are added', async () => {
    const [budget, other] = [budgetOf(), budgetOf()]
    const [registry] = registries()
    let turns = 0
    const turn = () => {
      turns++
      next = setImmediate(turn)
    }
    let next = setImmediate(turn)
    const codes = Array.from({ length: 2_000 }, (_, at) => `code ${at}`)
    expect(await registry.addOfferCodes(budget, codes)).toBe(2_000)
    clearImmediate(next)
    expect(turns).toBeGreaterThan(5)
    expect(await registry.countOfferCodes(budget, 10_000)).toBe(2_000)
    expect(await registry.countOfferCodes(budget, 1_500)).toBe(1_500)
    expect(await registry.countOfferCodes(other, 1_500)).toBe(0)
  })

  test('a budget that is lowered grants nothing, one that is raised grants the difference', async () => {
    const budget = budgetOf()
    const granted = (await asking(budget, 1_000)(0, 'one')).lease?.units ?? 0
    expect((await asking(budget, granted - 1)(0, 'two')).lease).toBeNull()
    expect((await asking(budget, granted + 1)(0, 'three')).lease?.units).toBe(1)
    expect((await asking(budget, granted + 1)(0, 'four')).lease).toBeNull()
  })

  test('another site, offer or id has a budget of its own, and no say in another’s leases', async () => {
    const budget = budgetOf()
    const own = await asking(budget, 100)(0, 'one')
    const others = [{ site: budgetOf().site }, { offer: 'other' }, { budget: 'two' }]
    for (const other of others) {
      const ask = asking({ ...budget, ...other }, 100)
      await ask(0, null, [{ lease: 'one', units: 0, closed: true }])
      expect((await ask(0, randomUUID())).lease?.first).toBe(0)
    }
    expect(await stateOf(budget)).toMatchObject({ granted: own.lease?.units, leasesOpen: 1 })
  })

  test('whatever POPs do, lose and repeat, nothing is out twice', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed)
      const budget = budgetOf()
      const issuesMax = 1 + Math.floor(random.unit() * 200)
      const ask = asking(budget, issuesMax)
      const open: { lease: string; first: number; units: number; used: number }[] = []
      const issued: number[] = []
      let [said, lost] = [[] as { lease: string; units: number; closed: boolean }[], 0]
      for (let step = 0; step < 60; step++) {
        const one = open[Math.floor(random.unit() * open.length)]
        const chance = random.unit()
        if (chance < 0.4 || !one) {
          const { lease } = await ask(step, `lease ${step}`, [], 1 + Math.floor(random.unit() * 30))
          if (lease) open.push({ ...lease, used: 0 })
        } else if (chance < 0.7 && one.used < one.units) {
          issued.push(one.first + one.used++)
        } else if (chance < 0.9) {
          open.splice(open.indexOf(one), 1)
          said = [...said, { lease: one.lease, units: one.used, closed: true }].slice(-3)
          await ask(step, null, said)
        } else {
          // A POP that never comes back.
          open.splice(open.indexOf(one), 1)
          lost += one.units
        }
      }
      expect(new Set(issued).size).toBe(issued.length)
      const granted = (await stateOf(budget))?.granted ?? 0
      expect(granted).toBeLessThanOrEqual(issuesMax)
      const atPops = open.reduce((sum, { units, used }) => sum + units - used, 0)
      expect(granted).toBeGreaterThanOrEqual(issued.length + atPops)
      expect(granted).toBeLessThanOrEqual(issued.length + atPops + lost)
    }
  })
}
