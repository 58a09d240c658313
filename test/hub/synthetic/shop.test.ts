import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seasonAt } from '#hub/synthetic/demand.ts'
import { makeShop } from '#hub/synthetic/shop.ts'
import { groupBy, shop, startAtMs } from './streams.ts'

const anyShop = fc
  .record({ seed: fc.integer(), categoriesTotal: fc.integer({ min: 1, max: 30 }) })
  .chain(({ seed, categoriesTotal }) =>
    fc
      .integer({ min: 2 * categoriesTotal, max: 120 })
      .map((itemsTotal) => makeShop({ seed, itemsTotal, categoriesTotal })),
  )

describe('makeShop', () => {
  it('makes the same shop from the same seed, another from another', () => {
    expect(makeShop({ seed: 1 }).items).toEqual(shop.items)
    expect(makeShop({ seed: 2 }).items).not.toEqual(shop.items)
  })

  it('has the asked size, with unique ids and names', () => {
    const { items, categories } = makeShop({ seed: 3, itemsTotal: 5000, categoriesTotal: 40 })
    expect(items).toHaveLength(5000)
    expect(new Set(items.map(({ id }) => id)).size).toBe(5000)
    expect(new Set(items.map(({ name }) => name)).size).toBe(5000)
    expect(new Set(categories.map(({ name }) => name)).size).toBe(40)
  })

  it('refuses sizes it cannot make', () => {
    expect(() => makeShop({ seed: 1, itemsTotal: 23 })).toThrow(/two a category/)
    expect(() => makeShop({ seed: 1, categoriesTotal: 0 })).toThrow(/categoriesTotal/)
  })

  it('gives the top tenth of its items two thirds of all interest', () => {
    const shares = shop.items.map(({ popularity }) => popularity).sort((a, b) => b - a)
    const sum = (list: number[]) => list.reduce((total, share) => total + share, 0)
    expect(sum(shares)).toBeCloseTo(1, 9)
    expect(sum(shares.slice(0, 40))).toBeCloseTo(0.65, 2) // Zipf: H(40) / H(400)
  })

  it('prices a category around its median, in whole cents', () => {
    for (const { price } of shop.items) expect(price).toBe(Math.round(price * 100) / 100)
    for (const items of groupBy(shop.items, ({ category }) => category)) {
      const prices = items.map(({ price }) => price).sort((a, b) => a - b)
      const median = prices[prices.length >> 1] ?? 0
      const { priceMedian = 0 } =
        shop.categories.find(({ name }) => name === items[0]?.category) ?? {}
      expect(median / priceMedian).toBeGreaterThan(0.6)
      expect(median / priceMedian).toBeLessThan(1.6)
    }
  })

  it('keeps a truth of other items, in falling order, whose probabilities sum to 1', () => {
    fc.assert(
      fc.property(anyShop, ({ items, truth }) => {
        const ids = new Set(items.map(({ id }) => id))
        for (const { id } of items) {
          const nextItems = truth.nextItem(id)
          const probabilities = nextItems.map(({ probability }) => probability)
          expect(nextItems.every(({ item }) => item !== id && ids.has(item))).toBe(true)
          expect(new Set(nextItems.map(({ item }) => item)).size).toBe(nextItems.length)
          expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a))
          expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 9)
        }
      }),
      { numRuns: 30, seed: 20260105 },
    )
  })

  it('links items within their category and across', () => {
    const categoryOf = new Map(shop.items.map(({ id, category }) => [id, category]))
    const links = shop.items.flatMap(({ id, category }) =>
      shop.truth.nextItem(id).map(({ item }) => categoryOf.get(item) === category),
    )
    const within = links.filter(Boolean).length / links.length
    expect(within).toBeGreaterThan(0.45)
    expect(within).toBeLessThan(0.8)
  })

  it('has a season that peaks on its day and evens out over the year', () => {
    const season = { peakDay: 172, depth: 0.5 }
    const dayMs = 86_400_000
    const yearStartMs = Date.UTC(1970, 0, 1)
    expect(seasonAt(season, yearStartMs + 172 * dayMs)).toBeCloseTo(1.5, 6)
    const days = Array.from({ length: 1461 }, (_, day) => seasonAt(season, startAtMs + day * dayMs))
    expect(days.reduce((sum, share) => sum + share, 0) / days.length).toBeCloseTo(1, 3)
  })
})
