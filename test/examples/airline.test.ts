import { expect, test } from 'vitest'
import { isExploring, policy } from '#examples/airline/policy.ts'
import { isOffRails } from '#examples/airline/sell.ts'
import { revenueMax, revenueOf, type Search, searches } from '#examples/airline/world.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { trainDemand } from '#models/demand-price/train.ts'
import type { DemandLearning } from '#shared/learning.ts'
import { bestPrice } from '#shared/tabular/demand.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'

function take(count: number, seed: number): Search[] {
  const from = searches(seed, 'traveller')
  return Array.from({ length: count }, () => from.next().value as Search)
}

const parsed = parsePolicy(policy)
if (!parsed.ok) throw new Error(parsed.mistakes[0]?.sentence)
const learning = parsed.policy.models?.demand as DemandLearning
const { features, prices } = learning

/** As the POP makes it of the event that sets a price off. */
function rowOf(search: Search): Float32Array {
  const time = { hour: 0, minute: 0, weekday: 1 }
  const facts = { session: null, totals: totalsAt(null, 0), context: {}, time }
  return encodeFeatures(features, readFeatures(features, { ...facts, event: { ...search } }))
}

test('four travellers of ten explore', () => {
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

test('what was learned from prices by chance brings more than the best fare for everybody', () => {
  const learned = take(4_000, 6)
  const rows = learned.map(rowOf)
  const columns = rows[0]?.length ?? 0
  const cells = Float32Array.from(rows.flatMap((row) => [...row]))
  const shares = learned.map((_, at) => [0.7, 1, 1.3, 1.7, 2.2][at % 5] as number)
  const labels = Uint8Array.from(learned, ({ worth }, at) => ((shares[at] ?? 0) <= worth ? 1 : 0))
  const model = trainDemand({ columns, rows: cells, labels }, shares, prices)
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
