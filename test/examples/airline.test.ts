import { expect, test } from 'vitest'
import { rowOfEvent, unknownDemand } from '#examples/airline/learn-demand.ts'
import { isExploring, policy } from '#examples/airline/policy.ts'
import { isOffRails } from '#examples/airline/sell.ts'
import { revenueMax, revenueOf, type Search, searches } from '#examples/airline/world.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { trainDemand } from '#models/demand-price/train.ts'
import { bestPrice } from '#shared/tabular/demand.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'

function take(count: number, seed: number): Search[] {
  const from = searches(seed, 'traveller')
  return Array.from({ length: count }, () => from.next().value as Search)
}

const rowOf = (search: Search) => rowOfEvent({ ...search })

test('its policy is one, and four travellers of ten explore', () => {
  expect(parsePolicy(policy)).toMatchObject({ ok: true })
  const exploring = take(2_000, 3).filter(({ visitor }) => isExploring(visitor)).length
  expect(exploring / 2_000).toBeGreaterThan(0.35)
  expect(exploring / 2_000).toBeLessThan(0.45)
})

test('the same seed makes the same travellers, and a fare brings what it may', () => {
  expect(take(50, 4)).toEqual(take(50, 4))
  const [search] = take(1, 4) as [Search]
  const most = revenueMax(search)
  expect(revenueOf(search, search.worth * search.fare)).toBeCloseTo(most, 9)
  expect(revenueOf(search, search.worth * search.fare * 1.01)).toBe(0)
})

test('before anything was learned a fare is the published one', () => {
  for (const search of take(20, 5)) expect(ownScorer(unknownDemand())(rowOf(search))).toBe(1)
})

test('what was learned from prices by chance brings more than the best fare for everybody', () => {
  const learned = take(4_000, 6)
  const rows = learned.map(rowOf)
  const columns = rows[0]?.length ?? 0
  const cells = Float32Array.from(rows.flatMap((row) => [...row]))
  const shares = learned.map((_, at) => [0.7, 1, 1.3, 1.7, 2.2][at % 5] as number)
  const labels = Uint8Array.from(learned, ({ worth }, at) => ((shares[at] ?? 0) <= worth ? 1 : 0))
  const grid = { from: 0.6, to: 2.5, step: 0.05 }
  const model = trainDemand({ columns, rows: cells, labels }, shares, grid)
  const asked = take(4_000, 7)
  const brings = (share: (search: Search) => number) =>
    asked.reduce((sum, search) => sum + revenueOf(search, share(search) * search.fare), 0)
  const fixed = [0.8, 0.9, 1, 1.1, 1.2].map((share) => brings(() => share))
  expect(brings((search) => bestPrice(model, rowOf(search)))).toBeGreaterThan(
    1.05 * Math.max(...fixed),
  )
})

test('a price off its rails is told', () => {
  expect([40, 399, 400].map(isOffRails)).toEqual([false, false, false])
  expect([39, 401, 100.5, Number.NaN].map(isOffRails)).toEqual([true, true, true, true])
})
