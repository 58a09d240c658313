import type { Binned } from './bins.ts'

/** A tree as it grows: a split sends what is below its edge to `yes`; a leaf has a value. */
export type Tree =
  | { readonly column: number; readonly edge: number; readonly yes: Tree; readonly no: Tree }
  | { readonly value: number }

export interface TreeSettings {
  readonly depthMax: number
  readonly leafExamplesMin: number
  /** Strength of the ridge on the values of leaves, in curvature. */
  readonly ridge: number
}

/** First and second derivative of the loss at each example. */
export interface Derivatives {
  readonly slopes: Float64Array
  readonly curvatures: Float64Array
}

interface Split {
  readonly column: number
  readonly bin: number
  readonly gain: number
}

/** Grows a tree on the examples at `places` by the gain of second order (Chen and Guestrin 2016, equation 7). */
export function growTree(
  places: Int32Array,
  binned: Binned,
  derivatives: Derivatives,
  settings: TreeSettings,
): Tree {
  return grow(places, 0)

  function grow(of: Int32Array, depth: number): Tree {
    const split = depth < settings.depthMax ? bestSplit(of, binned, derivatives, settings) : null
    if (split === null) return leaf(of)
    const count = derivatives.slopes.length
    const isBelow = (place: number) =>
      (binned.bins[split.column * count + place] as number) <= split.bin
    return {
      column: split.column,
      edge: binned.edges[split.column]?.[split.bin] as number,
      yes: grow(of.filter(isBelow), depth + 1),
      no: grow(
        of.filter((place) => !isBelow(place)),
        depth + 1,
      ),
    }
  }

  function leaf(of: Int32Array): Tree {
    let slope = 0
    let curvature = settings.ridge
    for (const place of of) {
      slope += derivatives.slopes[place] as number
      curvature += derivatives.curvatures[place] as number
    }
    return { value: -slope / curvature }
  }
}

/** The split that gains most; of equal ones the first. Null where none gains. */
function bestSplit(
  places: Int32Array,
  { bins, edges }: Binned,
  { slopes, curvatures }: Derivatives,
  { leafExamplesMin, ridge }: TreeSettings,
): Split | null {
  if (places.length < 2 * leafExamplesMin) return null
  const count = slopes.length
  let best: Split | null = null
  for (const [column, parts] of edges.entries()) {
    if (parts.length === 0) continue
    const sums = new Float64Array((parts.length + 1) * 3)
    for (const place of places) {
      const at = (bins[column * count + place] as number) * 3
      sums[at] = (sums[at] as number) + (slopes[place] as number)
      sums[at + 1] = (sums[at + 1] as number) + (curvatures[place] as number)
      sums[at + 2] = (sums[at + 2] as number) + 1
    }
    const total = [0, 0]
    for (let at = 0; at < sums.length; at += 3) {
      total[0] = (total[0] as number) + (sums[at] as number)
      total[1] = (total[1] as number) + (sums[at + 1] as number)
    }
    const [allSlope, allCurvature] = total as [number, number]
    const worth = (slope: number, curvature: number) => slope ** 2 / (curvature + ridge)
    let [slope, curvature, examples] = [0, 0, 0]
    for (let bin = 0; bin < parts.length; bin++) {
      slope += sums[bin * 3] as number
      curvature += sums[bin * 3 + 1] as number
      examples += sums[bin * 3 + 2] as number
      if (examples < leafExamplesMin) continue
      if (places.length - examples < leafExamplesMin) break
      const gain =
        worth(slope, curvature) +
        worth(allSlope - slope, allCurvature - curvature) -
        worth(allSlope, allCurvature)
      if (gain > (best?.gain ?? gainMin)) best = { column, bin, gain }
    }
  }
  return best
}

/** Below it a gain is what rounding left. */
const gainMin = 1e-6
