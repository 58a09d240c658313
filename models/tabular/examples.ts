/** What a tabular model learns from: rows of equal length one after the other, and what happened. */
export interface Examples {
  readonly columns: number
  /** Row-major, `labels.length` times `columns`. */
  readonly rows: Float32Array
  /** 1 where it happened, else 0. */
  readonly labels: Uint8Array
}

/** The examples at these places, in their order. */
export function pick({ columns, rows, labels }: Examples, places: readonly number[]): Examples {
  const picked = new Float32Array(places.length * columns)
  for (const [at, place] of places.entries()) {
    picked.set(rows.subarray(place * columns, (place + 1) * columns), at * columns)
  }
  return {
    columns,
    rows: picked,
    labels: Uint8Array.from(places, (place) => labels[place] as number),
  }
}

/** One row. */
export function rowOf({ columns, rows }: Examples, place: number): Float32Array {
  return rows.subarray(place * columns, (place + 1) * columns)
}

/** The share of those where it happened, kept off 0 and 1. */
export function baseRate({ labels }: Examples): number {
  const happened = labels.reduce((sum, label) => sum + label, 0)
  return (happened + 0.5) / (labels.length + 1)
}

/** Log odds of a probability, and back. */
export const logit = (probability: number) => Math.log(probability / (1 - probability))
export const sigmoid = (margin: number) => 1 / (1 + Math.exp(-margin))

/** Mean logarithmic loss of log odds; 0 of none. */
export function logLoss(margins: Float64Array, labels: Uint8Array): number {
  let sum = 0
  for (const [at, margin] of margins.entries()) {
    const signed = labels[at] === 1 ? margin : -margin
    sum += signed > 0 ? Math.log1p(Math.exp(-signed)) : Math.log1p(Math.exp(signed)) - signed
  }
  return sum / Math.max(1, labels.length)
}
