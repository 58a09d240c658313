export interface Category {
  readonly name: string
  readonly priceMedian: number
  /** One wave a year: demand is multiplied by 1 + depth · cos(distance from the peak). */
  readonly season: { readonly peakDay: number; readonly depth: number }
}

export interface Item {
  readonly id: string
  readonly name: string
  readonly category: string
  /** In the shop's currency, two decimals. */
  readonly price: number
  readonly inStock: boolean
  /** A share of all interest before season, taste and co-interest: sums to 1 over the shop. */
  readonly popularity: number
}

export function toCents(amount: number): number {
  return Math.round(amount * 100) / 100
}
