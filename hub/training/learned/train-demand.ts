import { buildDemandModel } from '#models/demand-price/graph.ts'
import { type PriceGrid, trainDemand } from '#models/demand-price/train.ts'
import { type Examples, pick, rowOf } from '#models/tabular/examples.ts'
import { bestPrice, buyingProbability, type DemandModel } from '#shared/tabular/demand.ts'
import { columnsOf } from '#shared/tabular/feature.ts'
import { learningBounds } from './bounds.ts'
import { checkDemandModel } from './check-demand-model.ts'
import { type DemandAsking, type LeftOut, pricedRows, type StoredPrices } from './priced-rows.ts'
import { type LearnedRows, RowSample } from './sample-rows.ts'
import {
  judgeScores,
  noModel,
  positivesOf,
  ruling,
  splitByTime,
  type TrainedRows,
  whatLacks,
} from './train-rows.ts'
import { withinUsual } from './usual-range.ts'

/** Gathers prices that were told by chance, and learns from them what sells at which price. */
export class DemandLearner {
  readonly #asking: DemandAsking
  readonly #sample: RowSample
  readonly #leftOut: Record<LeftOut, number> = {
    ...{ rowsRailed: 0, rowsBeyondPrices: 0, rowsWithoutFeatures: 0 },
  }

  constructor(asking: DemandAsking) {
    this.#asking = asking
    const { rowsMax, cellsMax, seed } = learningBounds
    const columns = columnsOf(asking.learning.features).length + 1
    // Each feature is learned from twice: alone, and times the price.
    const rowsThatFit = Math.floor(cellsMax / (2 * columns))
    this.#sample = new RowSample(columns, Math.min(rowsMax, rowsThatFit), seed)
  }

  take(page: StoredPrices): void {
    for (const priced of pricedRows(page, this.#asking)) {
      if (typeof priced === 'string') this.#leftOut[priced]++
      else this.#sample.add(priced.row, priced.label, priced.askedAt)
    }
  }

  async train(): Promise<TrainedRows> {
    const rows = this.#sample.inOrder()
    const trained = trainDemandRows(rows, this.#asking.learning.prices)
    const { model, bytes } = trained
    if (bytes !== null) {
      const usual = withinUsual(rows, splitByTime(rows).earlier)
      await checkDemandModel(bytes, model as DemandModel, rowsWithoutPrice(usual))
    }
    const figures = { ...trained.figures, rowsGiven: this.#sample.given, ...this.#leftOut }
    const reason = trained.reason + (trained.outcome === 'too_little' ? this.#tellLeftOut() : '')
    return { ...trained, reason, figures }
  }

  #tellLeftOut(): string {
    const { rowsRailed, rowsBeyondPrices, rowsWithoutFeatures } = this.#leftOut
    const told = [
      [rowsRailed, 'set by a rail'],
      [rowsBeyondPrices, 'beyond "prices" of the policy'],
      [rowsWithoutFeatures, 'told without a feature'],
    ] as const
    const found = told.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
    return found.length === 0 ? '' : `; left out are ${found.join(', ')}`
  }
}

/**
 * Judges by the newest rows what the earlier taught, and learns the model to release from all; the last column of a row
 * is the price. It asks for no price outside of those that were shown. Same rows, same bytes.
 */
export function trainDemandRows(rows: LearnedRows, prices: PriceGrid): TrainedRows {
  const { earlier, judged } = splitByTime(rows)
  const all = [...rows.labels.keys()]
  const counts = { rows: all.length, ...positivesOf(rows, all) }
  const grid = gridShown(rows, prices)
  const lacking = whatLacks(rows, earlier, judged) ?? whatGridLacks(rows, grid)
  if (lacking !== null)
    return { ...noModel, outcome: 'too_little', reason: lacking, figures: counts }
  const usual = withinUsual(rows, earlier)
  const [past, test] = [pick(usual, earlier), pick(usual, judged)]
  const tried = modelOf(past, grid)
  const asked = [...test.labels.keys()].map((at) => splitPrice(rowOf(test, at)))
  const scores = Float64Array.from(asked, ({ row, price }) => buyingProbability(tried, row, price))
  const verdict = judgeScores(scores, test.labels, past.labels)
  if (!Number.isFinite(verdict.figures.logLoss)) return { ...noNumbers, figures: counts }
  const { reliability } = verdict
  const [lowest, highest] = [tried.prices[0] as number, tried.prices.at(-1) as number]
  const deterred = asked.filter(
    ({ row }) => buyingProbability(tried, row, highest) < buyingProbability(tried, row, lowest),
  ).length
  const figures = {
    ...{ ...counts, ...verdict.figures, deterredShare: deterred / asked.length },
    priceMean: asked.reduce((sum, { row }) => sum + bestPrice(tried, row), 0) / asked.length,
  }
  const { reason, isBetter } = ruling(verdict.figures)
  if (!isBetter) return { ...noModel, outcome: 'not_better', reason, figures, reliability }
  if (figures.deterredShare < learningBounds.deterredShareMin) {
    const [share, needed] = [figures.deterredShare, learningBounds.deterredShareMin].map(
      (part) => `${(100 * part).toFixed(0)} %`,
    )
    const tooFewDeterred = `a higher price deters in ${share} of the judged rows, below ${needed}: the highest would be asked for no reason`
    return { ...noModel, outcome: 'not_better', reason: tooFewDeterred, figures, reliability }
  }
  const model = modelOf(usual, grid)
  if (!Object.values(model).every((numbers) => numbers.every(Number.isFinite)))
    return { ...noNumbers, figures: counts }
  const bytes = buildDemandModel(model)
  return { outcome: 'learned', reason, figures, reliability, family: 'demand', model, bytes }
}

const noNumbers = {
  ...{ ...noModel, outcome: 'not_better' as const },
  reason:
    'many rows have a feature too large to learn from: leave it out, or send it in another unit',
} as const

/** The lowest and the highest price that was shown. */
function pricesShown({ columns, rows }: Examples) {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0]
  for (let at = columns - 1; at < rows.length; at += columns) {
    lowest = Math.min(lowest, rows[at] as number)
    highest = Math.max(highest, rows[at] as number)
  }
  return { lowest, highest }
}

/** The part of the grid that lies within the prices that were shown: of others nothing was learned. */
function gridShown(examples: Examples, { from, to, step }: PriceGrid): PriceGrid {
  const { lowest, highest } = pricesShown(examples)
  // In whole steps from where the grid begins. Prices shown are float32, so that 1.3 / 0.05 is a little off a whole one.
  const steps = (price: number) => (price - from) / step
  const first = Math.max(0, Math.ceil(steps(lowest) - 1e-3))
  const last = Math.min(Math.floor(steps(to) + 1e-9), Math.floor(steps(highest) + 1e-3))
  return { from: from + first * step, to: from + last * step, step }
}

function whatGridLacks(examples: Examples, { from, to }: PriceGrid): string | null {
  if (from < to) return null
  const { lowest, highest } = pricesShown(examples)
  const shown = `prices were shown from ${lowest.toFixed(2)} to ${highest.toFixed(2)} of the base`
  return `${shown}, and fewer than two of the policy's prices lie between: widen "prices", or show others by chance`
}

function modelOf(examples: Examples, grid: PriceGrid): DemandModel {
  const { columns, labels } = examples
  const shares = [...labels.keys()].map((at) => splitPrice(rowOf(examples, at)).price)
  const rows = rowsWithoutPrice(examples)
  return trainDemand({ columns: columns - 1, rows, labels }, shares, grid)
}

const splitPrice = (row: Float32Array) => ({
  row: row.subarray(0, -1),
  price: row.at(-1) as number,
})

function rowsWithoutPrice({ columns, rows }: Examples): Float32Array {
  return rows.filter((_, at) => at % columns !== columns - 1)
}
