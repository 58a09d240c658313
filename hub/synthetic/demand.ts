import type { Item } from './item.ts'
import { at, type Random, weightedDraw } from './random.ts'
import type { Shop } from './shop.ts'

const dayMs = 86_400_000
const daysPerYear = 365.25
// A popular item follows itself by chance; nobody reloads a page that often.
const redrawsMax = 3

/** Draws what a shopper looks at, from what the shop hides. */
export interface Demand {
  /** The first item of a visit: by season and taste, then by popularity within the category. */
  first(taste: readonly number[], atMs: number): Item
  /** The item after this one: from the hidden truth, or popular in the category. */
  next(item: Item): Item
}

export function demandOf(shop: Shop, followTruthShare: number, random: Random): Demand {
  const popular = new Map(shop.categories.map(({ name }) => [name, popularIn(shop, name)]))
  const complement = complementsOf(shop)
  const drawPopular = (category: string) => present(popular.get(category)).draw(random)
  const basis = shop.categories.map(({ name }) => present(popular.get(name)).weight)
  return {
    first: (taste, atMs) => {
      const weights = basis.map((weight, index) => {
        return weight * at(taste, index) * seasonAt(at(shop.categories, index).season, atMs)
      })
      return drawPopular(at(shop.categories, weightedDraw(weights)(random)).name)
    },
    next: (item) => {
      const follows = random.chance(followTruthShare) ? complement(item, random) : undefined
      return follows ?? otherThan(item, () => drawPopular(item.category))
    },
  }
}

/** Multiplies a category's demand; the mean over a year is 1. */
export function seasonAt(season: { peakDay: number; depth: number }, atMs: number): number {
  const day = atMs / dayMs - season.peakDay
  return 1 + season.depth * Math.cos((2 * Math.PI * day) / daysPerYear)
}

function popularIn(shop: Shop, category: string) {
  const items = shop.items.filter((item) => item.category === category)
  const draw = weightedDraw(items.map((item) => item.popularity))
  const weight = items.reduce((sum, item) => sum + item.popularity, 0)
  return { weight, draw: (random: Random) => at(items, draw(random)) }
}

function complementsOf(shop: Shop): (item: Item, random: Random) => Item | undefined {
  const byId = new Map(shop.items.map((item) => [item.id, item]))
  const draws = new Map(
    shop.items.map(({ id }) => {
      const nextItems = shop.truth.nextItem(id)
      const probabilities = nextItems.map(({ probability }) => probability)
      return [id, nextItems.length > 0 ? weightedDraw(probabilities) : undefined]
    }),
  )
  return (item, random) => {
    const draw = draws.get(item.id)
    return draw && byId.get(at(shop.truth.nextItem(item.id), draw(random)).item)
  }
}

function otherThan(item: Item, draw: () => Item): Item {
  let drawn = draw()
  for (let left = redrawsMax; left > 0 && drawn === item; left--) drawn = draw()
  return drawn
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError('an item names a category that the shop has not')
  return value
}
