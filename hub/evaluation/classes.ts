import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { quantileSorted } from 'simple-statistics'
import type { Interval } from './metrics.ts'

/** One answer of a model of several classes. */
export interface Classified {
  /** What is not independent of it, such as the sentences of one review, has the same. */
  readonly group: string
  /** The class that it is. */
  readonly actual: number
  /** How likely each class was said to be. */
  readonly likely: readonly number[]
}

export function mostLikely(likely: readonly number[]): number {
  return likely.indexOf(Math.max(...likely))
}

export function accuracy(answers: readonly Classified[]): number {
  const hits = answers.filter(({ actual, likely }) => mostLikely(likely) === actual)
  return hits.length / answers.length
}

/** The mean over the classes of 2 · precision · recall / (precision + recall): a rare class counts as much as another. */
export function macroF1(answers: readonly Classified[]): number {
  const classesTotal = answers[0]?.likely.length ?? 0
  const [hits, said, were] = [0, 1, 2].map(() => new Float64Array(classesTotal)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for (const { actual, likely } of answers) {
    const answer = mostLikely(likely)
    said[answer] = (said[answer] as number) + 1
    were[actual] = (were[actual] as number) + 1
    if (answer === actual) hits[actual] = (hits[actual] as number) + 1
  }
  const each = hits.map((hit, at) => {
    return (2 * hit) / Math.max(1, (said[at] as number) + (were[at] as number))
  })
  return each.reduce((sum, f1) => sum + f1, 0) / classesTotal
}

/** Brier's score of several classes, 0 to 2: the squared differences of all classes together (Brier 1950). */
export function brierOfClasses(answers: readonly Classified[]): number {
  let sum = 0
  for (const { actual, likely } of answers) {
    for (const [at, share] of likely.entries()) sum += (share - (at === actual ? 1 : 0)) ** 2
  }
  return sum / answers.length
}

/** A metric (as `mean`) with its 95 % bootstrap interval over groups. `random` is advanced. */
export function groupedInterval(
  answers: readonly Classified[],
  metric: (answers: readonly Classified[]) => number,
  { resamples, random }: { readonly resamples: number; readonly random: RandomGenerator },
): Interval {
  const groups = [...Map.groupBy(answers, ({ group }) => group).values()]
  const values = Array.from({ length: resamples }, () =>
    metric(groups.flatMap(() => groups[uniformInt(random, 0, groups.length - 1)] ?? [])),
  ).sort((one, other) => one - other)
  return {
    mean: metric(answers),
    low: quantileSorted(values, 0.025),
    high: quantileSorted(values, 0.975),
  }
}
