import { readInitializers, readMetadata } from '../onnx-model.ts'

/**
 * Demand by price: log odds that somebody buys = bias + Σ weight · feature + (priceBias + Σ priceWeight · feature) ·
 * price. What it scores is the price of its grid with the highest price · probability; of equals the lowest.
 */
export interface DemandModel {
  /** One a column. */
  readonly weights: Float32Array
  /** Of length 1. */
  readonly bias: Float32Array
  /** What each column changes of how much a price deters. */
  readonly priceWeights: Float32Array
  /** Of length 1. */
  readonly priceBias: Float32Array
  /** Ascending, in shares of a base price. */
  readonly prices: Float32Array
}

export const demandArrays = ['weights', 'bias', 'priceWeights', 'priceBias', 'prices'] as const
export const demandMetadata = { key: 'tabular/kind', kind: 'demand' } as const

export function isDemandModel(modelBytes: Uint8Array): boolean {
  return readMetadata(modelBytes).get(demandMetadata.key) === demandMetadata.kind
}

/** Rebuilds a demand model from its file. Throws where it is none. */
export function demandFromModel(modelBytes: Uint8Array): DemandModel {
  const tensors = readInitializers(modelBytes)
  const arrays = demandArrays.map((name) => {
    const data = tensors.get(name)?.data
    if (!(data instanceof Float32Array)) throw new Error(`not a demand model: no floats ${name}`)
    return [name, data] as const
  })
  return Object.fromEntries(arrays) as unknown as DemandModel
}

/**
 * The price a row (one value a column) is expected to bring most by, in plain TypeScript: the fallback where WASM is
 * not usable, and the oracle the ONNX graph is tested against.
 */
export function bestPrice(model: DemandModel, row: Float32Array): number {
  let best = 0
  let most = Number.NEGATIVE_INFINITY
  for (const price of model.prices) {
    const revenue = expectedRevenue(model, row, price)
    if (revenue <= most) continue
    most = revenue
    best = price
  }
  return best
}

/** What a price is expected to bring, in shares of the base price. */
export function expectedRevenue(model: DemandModel, row: Float32Array, price: number): number {
  return Math.fround(price * buyingProbability(model, row, price))
}

export function buyingProbability(model: DemandModel, row: Float32Array, price: number): number {
  const level = weighted(model.weights, model.bias, row)
  const slope = weighted(model.priceWeights, model.priceBias, row)
  const margin = Math.fround(level + Math.fround(slope * price))
  return Math.fround(1 / (1 + Math.exp(-margin)))
}

function weighted(weights: Float32Array, bias: Float32Array, row: Float32Array): number {
  let sum = 0
  for (const [column, weight] of weights.entries()) {
    sum = Math.fround(sum + Math.fround(weight * (row[column] as number)))
  }
  return Math.fround(sum + (bias[0] as number))
}
