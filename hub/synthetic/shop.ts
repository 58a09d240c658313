import { coInterest, type NextItem } from './co-interest.ts'
import { type Category, type Item, toCents } from './item.ts'
import { at, type Random, seededRandom } from './random.ts'
import { categoriesTotalMax, categoryName, makerName, type Range, ranges } from './words.ts'

export interface Shop {
  readonly currency: string
  readonly categories: readonly Category[]
  readonly items: readonly Item[]
  /** What a recommender can at best find out. Nothing of it is in any event. */
  readonly truth: { nextItem(itemId: string): readonly NextItem[] }
}

export const itemsTotalMax = 100_000

const currency = 'EUR'
const popularityExponent = 1 // Zipf: the second item has half the interest of the first
const priceSigma = 0.5
const outOfStockShare = 0.05

export function makeShop({
  seed,
  itemsTotal = 400,
  categoriesTotal = 12,
}: {
  seed: number
  itemsTotal?: number
  categoriesTotal?: number
}): Shop {
  checkTotals(itemsTotal, categoriesTotal)
  const random = seededRandom(seed)
  const categories = Array.from({ length: categoriesTotal }, (_, position) =>
    makeCategory(position, random),
  )
  const items = makeItems(categories, itemsTotal, random)
  const nextItems = coInterest(items, categories, random)
  return {
    currency,
    categories,
    items,
    truth: { nextItem: (itemId) => nextItems.get(itemId) ?? [] },
  }
}

function checkTotals(itemsTotal: number, categoriesTotal: number): void {
  const within = (value: number, most: number) =>
    Number.isInteger(value) && value >= 1 && value <= most
  if (!within(categoriesTotal, categoriesTotalMax))
    throw new RangeError(`categoriesTotal must be 1 to ${categoriesTotalMax}`)
  if (!within(itemsTotal, itemsTotalMax) || itemsTotal < 2 * categoriesTotal)
    throw new RangeError(`itemsTotal must be two a category or more, up to ${itemsTotalMax}`)
}

function makeCategory(position: number, random: Random): Category {
  const { priceMedian } = at(ranges, position % ranges.length)
  const season = { peakDay: random.integer(0, 364), depth: 0.2 + 0.6 * random.unit() }
  return { name: categoryName(position), priceMedian, season }
}

function makeItems(categories: readonly Category[], total: number, random: Random): Item[] {
  const popularity = zipfShares(total, random)
  const taken = new Set<string>()
  return popularity.map((share, index) => {
    const position = index % categories.length
    const category = at(categories, position)
    return {
      id: `item-${String(index + 1).padStart(4, '0')}`,
      name: freshName(at(ranges, position % ranges.length), taken, random),
      category: category.name,
      price: Math.max(0.5, toCents(random.logNormal(category.priceMedian, priceSigma))),
      inStock: !random.chance(outOfStockShare),
      popularity: share,
    }
  })
}

/** Zipf's law over a shuffled catalogue: an item's number says nothing about its rank. */
function zipfShares(total: number, random: Random): number[] {
  const weights = Array.from({ length: total }, (_, rank) => 1 / (rank + 1) ** popularityExponent)
  for (let last = total - 1; last > 0; last--) {
    const other = random.integer(0, last)
    const moved = at(weights, last)
    weights[last] = at(weights, other)
    weights[other] = moved
  }
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

function freshName(range: Range, taken: Set<string>, random: Random): string {
  const plain = `${makerName(random)} ${random.pick(range.qualities)} ${random.pick(range.nouns)}`
  // A large catalogue runs out of words: the next of the same name is a later model, as in shops.
  let name = plain
  for (let model = 2; taken.has(name); model++) name = `${plain} ${model}`
  taken.add(name)
  return name
}
