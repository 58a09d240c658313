import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { mean, quantileSorted } from 'simple-statistics'

/**
 * One prediction: what was recommended, best first, and what the visitor then looked at, the
 * immediate next item first. `next` is never empty: without a next item there is nothing to predict.
 */
export interface Prediction<Item = number> {
  recommended: readonly Item[]
  next: readonly Item[]
}

// The definitions are those of Serenade's own evaluation (bolcom/serenade, src/metrics), so that
// its published figures and ours compare. They differ from the textbook where a comment says so.

/** 1 if the immediate next item is among the first `length`, else 0. */
export function hitRate<Item>({ recommended, next }: Prediction<Item>, length: number): number {
  return recommended.slice(0, length).includes(next[0] as Item) ? 1 : 0
}

/** 1 / place of the immediate next item among the first `length`, 0 if it is not there. */
export function reciprocalRank<Item>(
  { recommended, next }: Prediction<Item>,
  length: number,
): number {
  return 1 / (recommended.slice(0, length).indexOf(next[0] as Item) + 1 || Infinity)
}

/** Distinct recommended items that came later in the session / all later clicks, repeats included. */
export function recall<Item>({ recommended, next }: Prediction<Item>, length: number): number {
  const later = new Set(next)
  const found = new Set(recommended.slice(0, length).filter((item) => later.has(item)))
  return found.size / next.length
}

/**
 * Gain of the recommended items over the gain of the true continuation. The discount is the older
 * one, 1 / log2(place) from the second place on, and a repeated later item counts each time in the
 * ideal list: both make it lower than the usual NDCG.
 */
export function ndcg<Item>({ recommended, next }: Prediction<Item>, length: number): number {
  const later = new Set(next)
  const ideal = discountedGain(next.slice(0, length), later)
  return discountedGain(recommended.slice(0, length), later) / ideal
}

function discountedGain<Item>(items: readonly Item[], relevant: Set<Item>): number {
  return items.reduce((gain, item, at) => {
    if (!relevant.has(item)) return gain
    return gain + (at === 0 ? 1 : 1 / Math.log2(at + 1))
  }, 0)
}

/** Distinct recommended items / items of the catalogue. */
export function coverage<Item>(
  predictions: readonly Prediction<Item>[],
  length: number,
  catalogueItems: number,
): number {
  const seen = new Set(predictions.flatMap(({ recommended }) => recommended.slice(0, length)))
  return catalogueItems === 0 ? 0 : seen.size / catalogueItems
}

export interface Interval {
  mean: number
  low: number
  high: number
}

/**
 * The mean of `values` with its 95 % percentile bootstrap interval; `random` is advanced, so pass a
 * generator of a known seed. The values must be independent of each other: pass one a session, not
 * one a prediction. Throws on no values.
 */
export function bootstrapInterval(
  values: readonly number[],
  { resamples, random }: { resamples: number; random: RandomGenerator },
): Interval {
  const means = Float64Array.from({ length: resamples }, () => meanOfResample(values, random))
  const sorted = [...means.sort()]
  return {
    mean: mean([...values]),
    low: quantileSorted(sorted, 0.025),
    high: quantileSorted(sorted, 0.975),
  }
}

function meanOfResample(values: readonly number[], random: RandomGenerator): number {
  let sum = 0
  for (let drawn = 0; drawn < values.length; drawn++) {
    sum += values[uniformInt(random, 0, values.length - 1)] as number
  }
  return sum / values.length
}
