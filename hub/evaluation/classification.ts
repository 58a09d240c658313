import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { quantileSorted } from 'simple-statistics'
import type { Interval } from './metrics.ts'

/** Scores and what happened: 1 or 0, one each. */
export interface Scored {
  readonly scores: ArrayLike<number>
  readonly labels: ArrayLike<number>
}

/**
 * Average precision: the area under the precision-recall curve as a sum of steps, without interpolation, which
 * would flatter (Davis and Goadrich 2006). Equal scores are one step.
 */
export function averagePrecision(scored: Scored): number {
  let [area, recall] = [0, 0]
  for (const { hits, alarms, hitsTotal } of stepsOf(scored)) {
    const next = hits / hitsTotal
    area += (next - recall) * (hits / (hits + alarms))
    recall = next
  }
  return area
}

/** The largest recall at which at most this share of what did not happen is above the threshold. */
export function recallAtFalsePositives(scored: Scored, share: number): number {
  let best = 0
  for (const { hits, alarms, hitsTotal, othersTotal } of stepsOf(scored)) {
    if (alarms > share * othersTotal) break
    best = hits / hitsTotal
  }
  return best
}

/** Mean squared difference of score and outcome (Brier 1950). */
export function brier({ scores, labels }: Scored): number {
  let sum = 0
  for (let at = 0; at < labels.length; at++) {
    sum += ((scores[at] as number) - (labels[at] as number)) ** 2
  }
  return sum / labels.length
}

/** A part of the scores: how high they were on average, and how often it happened. */
export interface ReliabilityBin {
  readonly count: number
  readonly score: number
  readonly happened: number
}

/** Reliability by bins of equal width. */
export function reliability({ scores, labels }: Scored, binsTotal: number): ReliabilityBin[] {
  const bins = Array.from({ length: binsTotal }, () => ({ count: 0, score: 0, happened: 0 }))
  for (let at = 0; at < labels.length; at++) {
    const score = scores[at] as number
    const bin = bins[Math.min(binsTotal - 1, Math.floor(score * binsTotal))]
    if (bin === undefined) continue
    bin.count++
    bin.score += score
    bin.happened += labels[at] as number
  }
  return bins
    .filter(({ count }) => count > 0)
    .map(({ count, score, happened }) => ({
      ...{ count, score: score / count, happened: happened / count },
    }))
}

/** Reliability by bins of as many scores each, lowest first: where what happens is rare, bins of equal width are empty. */
export function reliabilityByCount(
  { scores, labels }: Scored,
  binsTotal: number,
): ReliabilityBin[] {
  const order = bestFirst({ scores, labels }).toReversed()
  return Array.from({ length: binsTotal }, (_, bin) => {
    const [from, end] = [bin, bin + 1].map((at) => Math.floor((at * order.length) / binsTotal))
    const places = order.slice(from, end)
    const meanOf = (values: ArrayLike<number>) =>
      places.reduce((sum, at) => sum + (values[at] as number), 0) / places.length
    return { count: places.length, score: meanOf(scores), happened: meanOf(labels) }
  }).filter(({ count }) => count > 0)
}

/** Mean logarithmic loss; a score of 0 or 1 that is wrong costs as much as one of a millionth. */
export function meanLogLoss({ scores, labels }: Scored): number {
  let sum = 0
  for (let at = 0; at < labels.length; at++) {
    const score = Math.min(1 - 1e-6, Math.max(1e-6, scores[at] as number))
    sum -= Math.log(labels[at] === 1 ? score : 1 - score)
  }
  return sum / labels.length
}

/** Expected calibration error: how far score and share differ, weighed by how many there are. */
export function calibrationError(scored: Scored, binsTotal: number): number {
  const bins = reliability(scored, binsTotal)
  return bins.reduce(
    (sum, { count, score, happened }) =>
      sum + (count / scored.labels.length) * Math.abs(score - happened),
    0,
  )
}

/**
 * A metric (as `mean`) with its 95 % bootstrap interval; what happened and what did not are resampled each for
 * itself. `random` is advanced, so pass a generator of a known seed.
 */
export function stratifiedInterval(
  scored: Scored,
  metric: (scored: Scored) => number,
  { resamples, random }: { readonly resamples: number; readonly random: RandomGenerator },
): Interval {
  // Best first, here and in every resample: sorting what is in order costs little.
  const order = bestFirst(scored)
  const strata = [0, 1].map((label) =>
    [...order.keys()].filter((place) => scored.labels[order[place] as number] === label),
  )
  const values = Array.from({ length: resamples }, () => {
    const times = new Uint32Array(order.length)
    for (const of of strata) {
      for (let drawn = 0; drawn < of.length; drawn++) {
        const place = of[uniformInt(random, 0, of.length - 1)] as number
        times[place] = (times[place] as number) + 1
      }
    }
    const places = order.flatMap((at, place) => new Array<number>(times[place] as number).fill(at))
    return metric({
      scores: Float64Array.from(places, (at) => scored.scores[at] as number),
      labels: Uint8Array.from(places, (at) => scored.labels[at] as number),
    })
  }).sort((one, other) => one - other)
  return {
    mean: metric(scored),
    low: quantileSorted(values, 0.025),
    high: quantileSorted(values, 0.975),
  }
}

interface Step {
  /** What is above the threshold: of what happened, and of what did not. */
  readonly hits: number
  readonly alarms: number
  readonly hitsTotal: number
  readonly othersTotal: number
}

/** Every threshold from the highest score down; equal scores are taken together. */
function* stepsOf({ scores, labels }: Scored): Generator<Step> {
  const order = bestFirst({ scores, labels })
  let hitsTotal = 0
  for (let at = 0; at < labels.length; at++) hitsTotal += labels[at] as number
  const othersTotal = labels.length - hitsTotal
  let [hits, alarms] = [0, 0]
  for (const [place, at] of order.entries()) {
    if (labels[at] === 1) hits++
    else alarms++
    const next = order[place + 1]
    if (next !== undefined && scores[next] === scores[at]) continue
    yield { hits, alarms, hitsTotal, othersTotal }
  }
}

function bestFirst({ scores, labels }: Scored): number[] {
  return Array.from(labels, (_, at) => at).sort(
    (one, other) => (scores[other] as number) - (scores[one] as number),
  )
}
