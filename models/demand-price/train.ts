import type { DemandModel } from '#shared/tabular/demand.ts'
import { type Examples, rowOf } from '../tabular/examples.ts'
import { defaultLogisticSettings, trainLogistic } from '../tabular/train-logistic.ts'

/** Prices that are weighed against each other, in shares of a base price. */
export interface PriceGrid {
  readonly from: number
  readonly to: number
  readonly step: number
}

/**
 * Logistic regression of a purchase on the features, the price, and each feature times the price, so that how much a
 * price deters may differ from one row to the next. `prices` has one a row, in shares of its base price. Same examples,
 * same weights.
 */
export function trainDemand(
  { columns, rows, labels }: Examples,
  prices: ArrayLike<number>,
  grid: PriceGrid,
): DemandModel {
  const width = 2 * columns + 1
  const crossed = new Float32Array(labels.length * width)
  for (let place = 0; place < labels.length; place++) {
    const price = prices[place] as number
    const row = rowOf({ columns, rows, labels }, place)
    crossed.set(row, place * width)
    crossed[place * width + columns] = price
    crossed.set(
      row.map((value) => value * price),
      place * width + columns + 1,
    )
  }
  const { weights, bias } = trainLogistic(
    { columns: width, rows: crossed, labels },
    defaultLogisticSettings,
  )
  return {
    weights: weights.slice(0, columns),
    bias,
    priceBias: weights.slice(columns, columns + 1),
    priceWeights: weights.slice(columns + 1),
    prices: pricesOf(grid),
  }
}

/** Counted in whole steps, so that no price is off by what adding loses. */
function pricesOf({ from, to, step }: PriceGrid): Float32Array {
  const steps = Math.floor((to - from) / step + 1e-9)
  return Float32Array.from({ length: steps + 1 }, (_, at) => from + at * step)
}
