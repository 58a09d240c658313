import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { mean } from 'simple-statistics'
import {
  bootstrapInterval,
  coverage,
  hitRate,
  ndcg,
  type Prediction,
  reciprocalRank,
} from '../evaluation/metrics.ts'
import type { HeldBackSession } from './held-back.ts'
import type { JudgeRules } from './rules.ts'

/** Recommends for the items seen so far, by their ids, oldest first; best first. */
export type Recommend = (seen: readonly string[]) => readonly string[]

export interface Comparison {
  /** Whether there was enough to compare by; without it nothing passes. */
  readonly compared: boolean
  readonly passed: boolean
  /** A sentence for people. */
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
}

const length = 20
const resamples = 1_000
const seed = 20_261_125

interface Judged {
  readonly predictions: readonly (readonly Prediction<string>[])[]
}

/** Champion and challenger on the same sessions: their figures, and the difference with its 95 % interval. */
export function compare(
  sessions: readonly HeldBackSession[],
  models: { readonly champion: Recommend; readonly challenger: Recommend },
  itemsTotal: number,
  rules: JudgeRules,
): Comparison {
  const champion = predict(sessions, models.champion)
  const challenger = predict(sessions, models.challenger)
  // Figures of nothing would be zeros, as if both had failed.
  if (sessions.length === 0) return { figures: { predictions: 0 }, ...tooFew(0, rules) }
  const figures = {
    predictions: challenger.predictions.flat().length,
    ...of('champion', champion, sessions, itemsTotal),
    ...of('challenger', challenger, sessions, itemsTotal),
    ...difference('mrr20', reciprocalRank, champion, challenger),
    ...difference('hitRate20', hitRate, champion, challenger),
    ...difference('ndcg20', ndcg, champion, challenger),
  }
  return { figures, ...ruling(figures, rules) }
}

function predict(sessions: readonly HeldBackSession[], recommend: Recommend): Judged {
  return {
    predictions: sessions.map(({ items }) =>
      items.slice(0, -1).map((current, at) => ({
        recommended: recommend(items.slice(0, at + 1))
          .filter((item) => item !== current)
          .slice(0, length),
        next: items.slice(at + 1),
      })),
    ),
  }
}

type Metric = (prediction: Prediction<string>, length: number) => number

function meanOf(metric: Metric, predictions: readonly Prediction<string>[]): number {
  if (predictions.length === 0) return 0
  return mean(predictions.map((prediction) => metric(prediction, length)))
}

function of(
  whose: string,
  { predictions }: Judged,
  sessions: readonly HeldBackSession[],
  itemsTotal: number,
): Record<string, number> {
  const all = predictions.flat()
  const returning = predictions.filter((_, at) => sessions[at]?.isReturning).flat()
  const fresh = predictions.filter((_, at) => !sessions[at]?.isReturning).flat()
  return {
    [`${whose}HitRate20`]: meanOf(hitRate, all),
    [`${whose}Mrr20`]: meanOf(reciprocalRank, all),
    [`${whose}Ndcg20`]: meanOf(ndcg, all),
    [`${whose}Mrr20NewVisitors`]: meanOf(reciprocalRank, fresh),
    [`${whose}Mrr20ReturningVisitors`]: meanOf(reciprocalRank, returning),
    [`${whose}Coverage20`]: coverage(all, length, itemsTotal),
    [`${whose}PopularityShare20`]: popularityShare(all, sessions),
  }
}

/** Recommendations that are among the 20 items looked at most, 0 to 1: how far a model says what all say. */
function popularityShare(
  predictions: readonly Prediction<string>[],
  sessions: readonly HeldBackSession[],
): number {
  const views = Map.groupBy(
    sessions.flatMap(({ items }) => items),
    (item) => item,
  )
  const most = [...views].sort(([, one], [, other]) => other.length - one.length).slice(0, length)
  const popular = new Set(most.map(([item]) => item))
  const named = predictions.flatMap(({ recommended }) => recommended)
  return named.length === 0 ? 0 : named.filter((item) => popular.has(item)).length / named.length
}

/** Paired, a session at a time: predictions of one session are no independent evidence. */
function difference(
  name: string,
  metric: Metric,
  champion: Judged,
  challenger: Judged,
): Record<string, number> {
  const ofSession = (judged: Judged, at: number) => meanOf(metric, judged.predictions[at] ?? [])
  const values = challenger.predictions.map(
    (_, at) => ofSession(challenger, at) - ofSession(champion, at),
  )
  if (values.length === 0) return {}
  const interval = bootstrapInterval(values, { resamples, random: xoroshiro128plus(seed) })
  return {
    [`${name}Difference`]: interval.mean,
    [`${name}DifferenceLow`]: interval.low,
    [`${name}DifferenceHigh`]: interval.high,
  }
}

function ruling(figures: Readonly<Record<string, number>>, rules: JudgeRules) {
  const { predictions = 0 } = figures
  if (predictions < rules.predictionsMin) return tooFew(predictions, rules)
  return { compared: true, ...verdict(figures, rules) }
}

function tooFew(predictions: number, { predictionsMin }: JudgeRules) {
  const reason = `there are ${predictions} predictions to compare it with what is live by, ${predictionsMin} are needed`
  return { compared: false, passed: false, reason }
}

function verdict(figures: Readonly<Record<string, number>>, rules: JudgeRules) {
  const { championCoverage20 = 0, challengerCoverage20 = 0 } = figures
  for (const name of ['mrr20', 'hitRate20'] as const) {
    const high = figures[`${name}DifferenceHigh`] ?? 0
    if (high < rules[`${name}DifferenceHighMin`]) {
      return {
        passed: false,
        reason: `${name} is worse than the champion's: ${shown(name, figures)}`,
      }
    }
  }
  if (challengerCoverage20 < championCoverage20 * rules.coverageRatioMin) {
    const [own, others] = [challengerCoverage20.toFixed(3), championCoverage20.toFixed(3)]
    return { passed: false, reason: `coverage ${own} is too far below the champion's ${others}` }
  }
  return { passed: true, reason: `it is not proven worse: ${shown('mrr20', figures)}` }
}

function shown(name: string, figures: Readonly<Record<string, number>>): string {
  const [difference = 0, low = 0, high = 0] = ['', 'Low', 'High'].map(
    (end) => figures[`${name}Difference${end}`],
  )
  return `${name} differs by ${difference.toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`
}
