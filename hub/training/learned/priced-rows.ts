import type { DemandLearning } from '#shared/learning.ts'
import { encodeFeatures, type FeatureValues } from '#shared/tabular/read-features.ts'
import type { Label } from './label.ts'

/** A price that was told, as the store has it. */
export interface StoredPrice {
  readonly person: string
  readonly decisionId: string
  /** What it was of. */
  readonly subject: string
  readonly price: number
  /** What the rules started from; above 0. */
  readonly base: number
  /** What set it in place of the rules: `floor`, `ceiling` or `change`; `step`, which rounded it, or nothing. */
  readonly rail: string
  /** Values of the features when it was told, as JSON. */
  readonly known: string
  /** Epoch ms. */
  readonly at: number
}

/** A purchase, and what it names: subjects, or the decision whose price was paid. */
export interface StoredPurchase {
  readonly person: string
  readonly names: readonly string[]
  /** Epoch ms. */
  readonly at: number
}

/** Whole persons: every price that they were told by chance, and what they bought. */
export interface StoredPrices {
  readonly prices: readonly StoredPrice[]
  readonly purchases: readonly StoredPurchase[]
}

/** What a model of demand is learned by, beside the prices. */
export interface DemandAsking {
  readonly learning: DemandLearning
  /** The newest that has been heard of the site, epoch ms. */
  readonly heardUntil: number
}

/** What was known when a price was told, the price in shares of its base, and whether it was bought at. */
export interface PricedRow {
  /** One value a column of the features, and the share as the last. */
  readonly row: Float32Array
  readonly label: Label
  readonly askedAt: number
}

/** Why a price teaches nothing, as it is counted. */
export type LeftOut = 'rowsRailed' | 'rowsBeyondPrices' | 'rowsWithoutFeatures'

/**
 * A row for each price of which it is certain whether it was bought at, or why it teaches nothing. A purchase is of the last
 * price of its subject that the person was told before; a price waits equally long for a yes as for a no, or what is bought
 * at once would be learned from first.
 */
export function* pricedRows(
  { prices, purchases }: StoredPrices,
  { learning, heardUntil }: DemandAsking,
): Generator<PricedRow | LeftOut> {
  const { features, withinMs } = learning
  const isByDecision = learning.bought.decision !== undefined
  const keyOf = (person: string, name: string) => (isByDecision ? name : `${name}\n${person}`)
  const sold = new Map<string, number[]>()
  for (const { person, names, at } of purchases) {
    for (const name of names) {
      const key = keyOf(person, name)
      sold.set(key, [...(sold.get(key) ?? []), at])
    }
  }
  const told = Map.groupBy(prices, ({ person, decisionId, subject }) =>
    keyOf(person, isByDecision ? decisionId : subject),
  )
  for (const [key, ofOne] of told) {
    const inOrder = ofOne.toSorted((one, other) => one.at - other.at)
    for (const [place, told] of inOrder.entries()) {
      const { at } = told
      const knownAt = at + withinMs
      if (knownAt > heardUntil) continue
      const values = JSON.parse(told.known) as FeatureValues
      const leftOut = whyLeftOut(told, values, learning)
      if (leftOut !== null) {
        yield leftOut
        continue
      }
      const next = inOrder[place + 1]?.at ?? Number.POSITIVE_INFINITY
      const isSold = (when: number) => when >= at && when <= knownAt && when < next
      const happened = sold.get(key)?.some(isSold) ?? false
      const row = Float32Array.of(...encodeFeatures(features, values), told.price / told.base)
      yield { row, label: { happened, knownAt }, askedAt: at }
    }
  }
}

/**
 * A price that a rail set is none that was shown by chance. Neither is one far beyond those to choose from: most often
 * its base, which a page may tell, is none.
 */
function whyLeftOut(
  { rail, price, base }: StoredPrice,
  values: FeatureValues,
  { features, prices: { from, to, step } }: DemandLearning,
): LeftOut | null {
  if (rail !== '' && rail !== 'step') return 'rowsRailed'
  const share = price / base
  // A step further, and what float arithmetic loses.
  const slack = step * 1.001
  if (!(share >= from - slack && share <= to + slack)) return 'rowsBeyondPrices'
  const isWhole = features.every(({ name }) => Object.hasOwn(values, name))
  return isWhole ? null : 'rowsWithoutFeatures'
}
