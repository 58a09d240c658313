import type { Segment } from '#models/segments/describe.ts'
import { type Examples, pick, rowOf } from '#models/tabular/examples.ts'
import { fitTabular, type TabularFamily } from '#models/tabular/fit.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import type { ForecastModel } from '#shared/stream/forecast.ts'
import type { DemandModel } from '#shared/tabular/demand.ts'
import { type OwnTabularModel, scoreRow } from '#shared/tabular/model.ts'
import type { SegmentsModel } from '#shared/tabular/segments.ts'
import {
  averagePrecision,
  brier,
  calibrationError,
  meanLogLoss,
  type ReliabilityBin,
  reliabilityByCount,
  type Scored,
} from '../../evaluation/classification.ts'
import { learningBounds } from './bounds.ts'
import type { LearnedRows } from './sample-rows.ts'

const binsTotal = 10

/** A model, or why there is none; a sentence for people in `reason`. */
export interface TrainedRows {
  readonly outcome: 'learned' | 'too_little' | 'not_better'
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
  /** On the newest rows, lowest scores first. */
  readonly reliability: readonly ReliabilityBin[]
  readonly family: TabularFamily | 'segments' | 'forecast' | 'demand' | null
  /** The model to release and its file; null where there is none. */
  readonly model: OwnTabularModel | SegmentsModel | ForecastModel | DemandModel | null
  readonly bytes: Uint8Array | null
  /** By their numbers, where they were what was to be learned. */
  readonly segments?: readonly Segment[]
}

/**
 * Chooses a family on the earlier rows, judges it on the newest, which it never saw, and learns the one to release by
 * the same steps from all of them. Rows whose label was not known before the newest were asked are no earlier rows.
 * Same rows, same bytes.
 */
export function trainRows(rows: LearnedRows): TrainedRows {
  const { earlier, judged } = splitByTime(rows)
  const all = [...rows.labels.keys()]
  const counts = { rows: all.length, ...positivesOf(rows, all) }
  const lacking = whatLacks(rows, earlier, judged)
  if (lacking !== null)
    return { ...noModel, outcome: 'too_little', reason: lacking, figures: counts }
  const chosen = chooseModel(pick(rows, earlier))
  const verdict = judge(chosen.model, pick(rows, judged), pick(rows, earlier))
  const { reliability } = verdict
  const figures = { ...counts, ...verdict.figures }
  const { reason, isBetter } = ruling(verdict.figures)
  if (!isBetter) return { ...noModel, outcome: 'not_better', reason, figures, reliability }
  const { model, family } = chooseModel(rows, [chosen.family])
  const bytes = buildTabularModel(model, rows.columns)
  return { outcome: 'learned', reason, figures, reliability, family, model, bytes }
}

/** Places of the rows that judge, and of those whose labels were known before the first of them was asked. */
export function splitByTime({ askedAt, knownAt, labels }: LearnedRows) {
  const judgedFrom = askedAt[Math.floor(labels.length * (1 - learningBounds.judgedShare))] ?? 0
  const places = [...labels.keys()]
  return {
    earlier: places.filter(
      (at) => (askedAt[at] as number) < judgedFrom && (knownAt[at] as number) <= judgedFrom,
    ),
    judged: places.filter((at) => (askedAt[at] as number) >= judgedFrom),
  }
}

/** The better family, or this one; the newest of the examples choose. */
export function chooseModel(examples: Examples, families?: readonly TabularFamily[]) {
  const places = [...examples.labels.keys()]
  const from = Math.floor(places.length * (1 - learningBounds.chosenShare))
  const [earlier, newer] = [places.slice(0, from), places.slice(from)].map((of) =>
    pick(examples, of),
  ) as [Examples, Examples]
  return fitTabular(earlier, newer, families)
}

/** What is released where nothing is learned. */
export const noModel = { reliability: [], family: null, model: null, bytes: null } as const

export function positivesOf({ labels }: LearnedRows, places: readonly number[]) {
  return { positives: places.filter((at) => labels[at] === 1).length }
}

/** A sentence of what there is too little of; null where there is enough. */
export function whatLacks(
  rows: LearnedRows,
  earlier: readonly number[],
  judged: readonly number[],
): string | null {
  const { learnedFromMin, judgedMin } = learningBounds
  for (const [places, needed, what] of [
    [earlier, learnedFromMin, 'to learn from'],
    [judged, judgedMin, 'to judge by'],
  ] as const) {
    const { positives } = positivesOf(rows, places)
    const negatives = places.length - positives
    if (Math.min(positives, negatives) >= needed) continue
    return `of ${places.length} rows ${what} it happened in ${positives} and not in ${negatives}; ${needed} of each are needed`
  }
  return null
}

/** How a model does on rows it never saw, beside saying the same of everybody: how often it happened before. */
export function judge(model: OwnTabularModel, test: Examples, earlier: Examples) {
  const scores = Float64Array.from(test.labels, (_, at) => scoreRow(model, rowOf(test, at)))
  return judgeScores(scores, test.labels, earlier.labels)
}

/** The same of what a model said of rows: a probability each. */
export function judgeScores(scores: Float64Array, labels: Uint8Array, earlier: Uint8Array) {
  const always = earlier.reduce((sum, label) => sum + label, 0) / earlier.length
  const scored: Scored = { scores, labels }
  const baseline: Scored = { scores: new Float64Array(labels.length).fill(always), labels }
  return {
    scored,
    reliability: reliabilityByCount(scored, binsTotal),
    figures: {
      judgedRows: labels.length,
      judgedPositives: labels.reduce((sum, label) => sum + label, 0),
      // What a guess has as PR-AUC.
      baseRate: averagePrecision(baseline),
      prAuc: averagePrecision(scored),
      brier: brier(scored),
      baselineBrier: brier(baseline),
      logLoss: meanLogLoss(scored),
      baselineLogLoss: meanLogLoss(baseline),
      calibrationError: calibrationError(scored, binsTotal),
    },
  }
}

/** A sentence for people, and whether a model says more than the base rate. */
export function ruling({
  logLoss,
  baselineLogLoss,
}: Pick<ReturnType<typeof judgeScores>['figures'], 'logLoss' | 'baselineLogLoss'>) {
  const [own, others] = [logLoss.toFixed(4), baselineLogLoss.toFixed(4)]
  const isBetter = logLoss < baselineLogLoss
  const reason = `log loss ${own} is ${isBetter ? '' : 'not '}below ${others}, which the base rate has`
  return { isBetter, reason }
}
