import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
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
import { columnsOf, type Feature } from '#shared/tabular/feature.ts'
import { marginOf, type OwnTabularModel, scoreRow } from '#shared/tabular/model.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'

// Fraud on payments that are labelled: boosted trees against logistic regression on the same features.

const file = resolve(
  import.meta.dirname,
  '../../../../shared/data/fraud-payments/payment_fraud.csv',
)
const seed = 1
const resamples = 300
const falsePositiveShare = 0.01

const number = (name: string): Feature => ({
  ...{ name, from: `event.${name}`, type: 'number', imputed: 0 },
})
const features: Feature[] = [
  ...['accountAgeDays', 'numItems', 'localTime', 'paymentMethodAgeDays'].map(number),
  {
    ...{ name: 'paymentMethod', from: 'event.paymentMethod', type: 'text' },
    categories: ['creditcard', 'paypal', 'storecredit'],
  },
]
/** Every fraud has an account of exactly one day, and a method of payment cannot be older than that. */
const leaking = ['accountAgeDays', 'paymentMethodAgeDays']

/** What `fraudFigures` found; null where the data is not here. */
export interface FraudFigures {
  readonly figures: Readonly<Record<string, number>>
  /** A line of text each, for people. */
  readonly lines: readonly string[]
}

/** Trains and measures on three sets of features: all, without the one that leaks, without both. */
export function fraudFigures(): FraudFigures | null {
  if (!existsSync(file)) return null
  const payments = readPayments()
  const all = measured(payments, features)
  const withoutAge = measured(payments, without(leaking.slice(0, 1)))
  const withoutBoth = measured(payments, without(leaking))
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

interface Payment {
  readonly properties: Readonly<Record<string, string>>
  readonly fraud: boolean
}

function readPayments(): Payment[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/)
  const names = header.split(',')
  return lines.map((line) => {
    const values = line.split(',')
    const properties = Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))
    return { properties, fraud: properties.label === '1' }
  })
}

function without(names: readonly string[]): Feature[] {
  return features.filter(({ name }) => !names.includes(name))
}

/** To train, to stop and calibrate by, and to test. */
const shares = [0.5, 0.1, 0.4] as const

/**
 * Parts of these shares, of fraud and of the others alike. Payments that are the same in every feature are in one
 * part: half of the frauds have a twin, and would be known by heart.
 */
function partsOf(payments: readonly Payment[]): number[][] {
  const random = xoroshiro128plus(seed)
  const parts = shares.map((): number[] => [])
  for (const fraud of [true, false]) {
    const places = [...payments.keys()].filter((at) => payments[at]?.fraud === fraud)
    const twins = Map.groupBy(places, (at) => JSON.stringify(payments[at]?.properties))
    const open = shares.map((share) => share * places.length)
    for (const group of shuffled([...twins.values()], random)) {
      // To the part that lacks most: large groups do not tilt it.
      const part = open.indexOf(Math.max(...open))
      parts[part]?.push(...group)
      open[part] = (open[part] as number) - group.length
    }
  }
  return parts
}

function shuffled<Value>(values: Value[], random: RandomGenerator): Value[] {
  for (let last = values.length - 1; last > 0; last--) {
    const at = uniformInt(random, 0, last)
    ;[values[last], values[at]] = [values[at] as Value, values[last] as Value]
  }
  return values
}

function examplesOf(payments: readonly Payment[], of: readonly Feature[]): Examples {
  const facts = {
    ...{ session: null, totals: totalsAt(null, 0), context: {} },
    time: { hour: 0, minute: 0, weekday: 1 },
  }
  const columns = columnsOf(of).length
  const rows = new Float32Array(payments.length * columns)
  for (const [at, { properties }] of payments.entries()) {
    rows.set(encodeFeatures(of, readFeatures(of, { ...facts, event: properties })), at * columns)
  }
  return { columns, rows, labels: Uint8Array.from(payments, ({ fraud }) => (fraud ? 1 : 0)) }
}

function measured(payments: readonly Payment[], of: readonly Feature[]) {
  const examples = examplesOf(payments, of)
  const [train, held, test] = partsOf(payments).map((places) => pick(examples, places)) as [
    Examples,
    Examples,
    Examples,
  ]
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
