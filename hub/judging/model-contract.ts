/** What goes into a model or comes out of it: every dimension is fixed, so that a POP knows what it gets. */
export interface TensorContract {
  readonly name: string
  readonly type: 'int32' | 'float32'
  readonly dims: readonly number[]
}

/** What a model promises, and the questions it is asked to see whether it keeps the promise. */
export interface ModelContract {
  readonly input: TensorContract
  readonly outputs: readonly TensorContract[]
  /** Output whose values number items: each is at least `min` and below `below`. */
  readonly range: { readonly output: string; readonly min: number; readonly below: number } | null
  /** Output whose values never rise. */
  readonly descending: string | null
  readonly golden: readonly (Int32Array | Float32Array)[]
}

const goldenTotal = 16

/** The contract of a model that recommends from a session: dense item numbers, newest first, padded with -1. */
export function sessionContract(of: {
  readonly itemsTotal: number
  readonly itemsMax: number
  readonly candidates: number
}): ModelContract {
  const { itemsTotal, itemsMax, candidates } = of
  return {
    input: { name: 'session', type: 'int32', dims: [itemsMax] },
    outputs: [
      { name: 'items', type: 'int32', dims: [candidates] },
      { name: 'scores', type: 'float32', dims: [candidates] },
    ],
    range: { output: 'items', min: 0, below: itemsTotal },
    descending: 'scores',
    golden: goldenSessions(itemsTotal, itemsMax),
  }
}

/** The contract of a model that scores a row of features. */
export function tabularContract(of: {
  readonly featuresTotal: number
  readonly scores: number
}): ModelContract {
  return {
    input: { name: 'features', type: 'float32', dims: [1, of.featuresTotal] },
    outputs: [{ name: 'score', type: 'float32', dims: of.scores === 1 ? [1] : [1, of.scores] }],
    range: null,
    descending: null,
    golden: goldenRows(of.featuresTotal),
  }
}

/** The first and the last item alone, a full window, and windows of every length from all over the catalogue. */
function goldenSessions(itemsTotal: number, itemsMax: number): Int32Array[] {
  const window = (length: number, itemAt: (place: number) => number) =>
    Int32Array.from({ length: itemsMax }, (_, at) => (at < length ? itemAt(at) : -1))
  const spread = (seed: number) => (place: number) => (seed * 7_919 + place * 104_729) % itemsTotal
  return [
    window(1, () => 0),
    window(1, () => itemsTotal - 1),
    window(Math.min(itemsMax, itemsTotal), (place) => place),
    ...Array.from({ length: goldenTotal - 3 }, (_, seed) =>
      window((seed % Math.min(itemsMax, itemsTotal)) + 1, spread(seed + 1)),
    ),
  ]
}

/** All zeros, all ones, and rows that no scaling has tamed. */
function goldenRows(featuresTotal: number): Float32Array[] {
  const row = (valueAt: (place: number) => number) =>
    Float32Array.from({ length: featuresTotal }, (_, place) => valueAt(place))
  const spread = (seed: number, size: number) => (place: number) =>
    (((seed * 7_919 + place * 104_729) % 2_001) / 1_000 - 1) * size
  return [
    row(() => 0),
    row(() => 1),
    ...Array.from({ length: goldenTotal - 2 }, (_, seed) =>
      row(spread(seed + 1, 10 ** (seed % 5))),
    ),
  ]
}
