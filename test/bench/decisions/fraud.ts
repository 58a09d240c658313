import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { examplesOf, features, featuresWithout, leaking } from '#examples/payments/features.ts'
import { type Payment, readPayments } from '#examples/payments/read-payments.ts'
import { splitPayments } from '#examples/payments/split-payments.ts'
import {
  averagePrecision,
  brier,
  calibrationError,
  recallAtFalsePositives,
  type Scored,
  stratifiedInterval,
} from '#hub/evaluation/classification.ts'
import { calibrated, calibration } from '#models/tabular/calibrate.ts'
import { type Examples, pick, rowOf } from '#models/tabular/examples.ts'
import { defaultLogisticSettings, trainLogistic } from '#models/tabular/train-logistic.ts'
import { defaultTreesSettings, trainTrees } from '#models/tabular/train-trees.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import { marginOf, type OwnTabularModel, scoreRow } from '#shared/tabular/model.ts'

// Fraud on payments that are labelled: boosted trees against logistic regression on the same features.

const file = resolve(
  import.meta.dirname,
  '../../../../shared/data/fraud-payments/payment_fraud.csv',
)
const seed = 1
const resamples = 300
const falsePositiveShare = 0.01

/** What `fraudFigures` found; null where the data is not here. */
export interface FraudFigures {
  readonly figures: Readonly<Record<string, number>>
  /** A line of text each, for people. */
  readonly lines: readonly string[]
}

/** Trains and measures on three sets of features: all, without the one that leaks, without both. */
export function fraudFigures(): FraudFigures | null {
  if (!existsSync(file)) return null
  const payments = readPayments(file)
  const all = measured(payments, features)
  const withoutAge = measured(payments, featuresWithout(leaking.slice(0, 1)))
  const withoutBoth = measured(payments, featuresWithout(leaking))
  return {
    figures: {
      fraudPrAuc: all.trees.prAuc,
      fraudRecallAt1Fpr: all.trees.recall,
      fraudBaselinePrAuc: all.logistic.prAuc,
      fraudBaselineRecallAt1Fpr: all.logistic.recall,
      fraudWithoutAgePrAuc: withoutAge.trees.prAuc,
      fraudWithoutAgeRecallAt1Fpr: withoutAge.trees.recall,
      fraudWithoutAgeBaselinePrAuc: withoutAge.logistic.prAuc,
      fraudWithoutLeaksPrAuc: withoutBoth.trees.prAuc,
      fraudWithoutLeaksRecallAt1Fpr: withoutBoth.trees.recall,
      fraudWithoutLeaksBaselinePrAuc: withoutBoth.logistic.prAuc,
      fraudBrier: withoutAge.trees.brier,
      fraudCalibrationError: withoutAge.trees.error,
      fraudUncalibratedBrier: withoutAge.raw.brier,
      fraudUncalibratedCalibrationError: withoutAge.raw.error,
    },
    lines: [
      ...told('all features', all),
      ...told('without accountAgeDays', withoutAge),
      ...told('without accountAgeDays and paymentMethodAgeDays', withoutBoth),
    ],
  }
}

/** To train, to stop and calibrate by, and to test. */
const shares = [0.5, 0.1, 0.4] as const

function measured(payments: readonly Payment[], of: readonly Feature[]) {
  const labelled = payments.map(({ columns, isFraud }) => ({ properties: columns, isFraud }))
  const examples = examplesOf(labelled, of)
  const [train, held, test] = splitPayments(payments, shares, seed).map((places) =>
    pick(examples, places),
  ) as [Examples, Examples, Examples]
  const logistic = trainLogistic(train, defaultLogisticSettings)
  const raw = trainTrees(train, held, defaultTreesSettings)
  const trees = calibrated(raw, calibration(scoresOf(raw, held, marginOf), held.labels))
  return {
    logistic: judged(logistic, test),
    raw: judged(raw, test),
    trees: judged(trees, test),
    treesTotal: raw.roots.length,
    frauds: [train, held, test].map(({ labels }) => labels.filter((label) => label === 1).length),
  }
}

function scoresOf(
  model: OwnTabularModel,
  examples: Examples,
  score: (model: OwnTabularModel, row: Float32Array) => number,
): Float64Array {
  return Float64Array.from(examples.labels, (_, at) => score(model, rowOf(examples, at)))
}

function judged(model: OwnTabularModel, test: Examples) {
  const scored: Scored = { scores: scoresOf(model, test, scoreRow), labels: test.labels }
  const recallOf = (of: Scored) => recallAtFalsePositives(of, falsePositiveShare)
  const interval = (metric: (of: Scored) => number) =>
    stratifiedInterval(scored, metric, { resamples, random: xoroshiro128plus(seed) })
  return {
    prAuc: averagePrecision(scored),
    recall: recallOf(scored),
    brier: brier(scored),
    error: calibrationError(scored, 10),
    intervals: { prAuc: interval(averagePrecision), recall: interval(recallOf) },
  }
}

function told(what: string, { logistic, trees, treesTotal, frauds }: ReturnType<typeof measured>) {
  const line = (name: string, { intervals, ...of }: typeof trees) => {
    const { prAuc, recall } = intervals
    const range = ({ low, high }: typeof prAuc) => `${low.toFixed(3)}–${high.toFixed(3)}`
    return `  ${name}: PR-AUC ${of.prAuc.toFixed(3)} (${range(prAuc)}), recall at 1 % false positives ${of.recall.toFixed(3)} (${range(recall)}), Brier ${of.brier.toFixed(5)}, calibration error ${of.error.toFixed(5)}`
  }
  return [
    `${what} (${frauds.join(', ')} frauds to train, hold back and test; ${treesTotal} trees)`,
    line('boosted trees', trees),
    line('logistic regression', logistic),
  ]
}

if (import.meta.main) {
  const found = fraudFigures()
  for (const line of found?.lines ?? ['the data is not here']) process.stdout.write(`${line}\n`)
  if (found) process.stdout.write(`${JSON.stringify(found.figures, null, 2)}\n`)
}
