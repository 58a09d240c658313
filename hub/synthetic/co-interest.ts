import type { Category, Item } from './item.ts'
import { at, type Random, weightedDraw } from './random.ts'

/** `item` is an id; the probabilities of one item's list sum to 1, the strongest first. */
export interface NextItem {
  readonly item: string
  readonly probability: number
}

const complementsMin = 4
const complementsMax = 8
const partnersPerCategory = 2
const sameCategoryShare = 0.6
const strengthSigma = 0.8
// A complement in a tiny category may not be found at the first draws; the bound keeps the search finite.
const drawsMax = 64

type Draw = (random: Random) => Item

/**
 * Which item interests somebody who looks at this one: a few complements each, most of the same category, the
 * others from two categories that go with it, as lamps go with desks.
 */
export function coInterest(
  items: readonly Item[],
  categories: readonly Category[],
  random: Random,
): ReadonlyMap<string, readonly NextItem[]> {
  const draws = new Map(categories.map(({ name }) => [name, drawWithin(items, name)]))
  const partners = new Map(categories.map(({ name }) => [name, partnersOf(categories, random)]))
  return new Map(
    items.map((item) => [
      item.id,
      strengths(complements(item, draws, partners.get(item.category) ?? [], random), random),
    ]),
  )
}

/** The square root of popularity: popular items are complements more often, but not of everything. */
function drawWithin(items: readonly Item[], category: string): Draw {
  const within = items.filter((item) => item.category === category)
  const draw = weightedDraw(within.map((item) => Math.sqrt(item.popularity)))
  return (random) => at(within, draw(random))
}

function partnersOf(categories: readonly Category[], random: Random): string[] {
  return Array.from({ length: partnersPerCategory }, () => random.pick(categories).name)
}

function complements(
  item: Item,
  draws: ReadonlyMap<string, Draw>,
  partners: readonly string[],
  random: Random,
): string[] {
  const wanted = random.integer(complementsMin, complementsMax)
  const found = new Set<string>()
  for (let left = drawsMax; left > 0 && found.size < wanted; left--) {
    const category = random.chance(sameCategoryShare) ? item.category : random.pick(partners)
    const complement = draws.get(category)?.(random)
    if (complement && complement.id !== item.id) found.add(complement.id)
  }
  return [...found]
}

function strengths(complements: readonly string[], random: Random): readonly NextItem[] {
  const weights = complements.map(() => random.logNormal(1, strengthSigma))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return complements
    .map((item, index) => ({ item, probability: at(weights, index) / sum }))
    .sort((one, other) => other.probability - one.probability)
}
