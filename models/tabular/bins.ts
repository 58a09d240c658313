import type { Examples } from './examples.ts'

/** The examples with each value as the number of its bin, column after column. */
export interface Binned {
  readonly bins: Uint8Array
  /** Where the bins of a column part: bin b holds the values below edge b and not below edge b - 1. */
  readonly edges: readonly Float32Array[]
}

/**
 * Bins of about as many examples each; a value that many share has a bin of its own. The edges are float32,
 * as what the model compares with them is.
 */
export function binned({ columns, rows, labels }: Examples, binsMax: number): Binned {
  const count = labels.length
  const bins = new Uint8Array(count * columns)
  const edges = Array.from({ length: columns }, (_, column) => {
    const values = Float32Array.from(
      { length: count },
      (_, at) => rows[at * columns + column] as number,
    )
    const parts = edgesOf(values.toSorted(), binsMax)
    for (const [at, value] of values.entries()) bins[column * count + at] = binOf(value, parts)
    return parts
  })
  return { bins, edges }
}

function edgesOf(sorted: Float32Array, binsMax: number): Float32Array {
  const distinct = sorted.filter((value, at) => at === 0 || value !== sorted[at - 1])
  // Each distinct value, or as many quantiles: one between two neighbours parts them.
  const cuts =
    distinct.length <= binsMax
      ? distinct
      : Float32Array.from(
          { length: binsMax },
          (_, at) => sorted[Math.floor((at * sorted.length) / binsMax)] as number,
        ).filter((value, at, all) => at === 0 || value !== all[at - 1])
  return cuts.subarray(1).map((value, at) => between(cuts[at] as number, value))
}

/** The middle, or the upper one where float32 has nothing between them. */
function between(lower: number, upper: number): number {
  const middle = Math.fround(lower + (upper - lower) / 2)
  return middle > lower ? middle : upper
}

/** How many edges are not above a value. */
function binOf(value: number, edges: Float32Array): number {
  let [low, high] = [0, edges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((edges[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low
}
