import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { quantileSorted } from 'simple-statistics'
import { type InvoiceLine, readInvoices } from '#examples/retail-year-on-year/read-invoices.ts'
import { averagePrecision, brier, type Scored } from '#hub/evaluation/classification.ts'
import { eventsOf } from '#hub/synthetic/emission.ts'
import { makeShop } from '#hub/synthetic/shop.ts'
import { simulate } from '#hub/synthetic/shoppers.ts'
import { RowGatherer } from '#hub/training/learned/learn-rows.ts'
import type { StoredEvent } from '#hub/training/learned/replay-history.ts'
import type { LearnedRows } from '#hub/training/learned/sample-rows.ts'
import { chooseModel, judge, splitByTime } from '#hub/training/learned/train-rows.ts'
import { type Examples, pick } from '#models/tabular/examples.ts'
import { defaultLogisticSettings, trainLogistic } from '#models/tabular/train-logistic.ts'
import { visitorKey } from '#shared/id.ts'
import type { RowLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import { readEvent } from '#shared/read-event.ts'
import type { Feature } from '#shared/tabular/feature.ts'

// Outcomes that the hub learns to tell: whether somebody buys in this session, and who stays away. Rows, labels, parts by
// time, family and calibration are the hub's own; what a plain model of recency and frequency knows stands beside.

const retailFile = resolve(
  import.meta.dirname,
  '../../../../shared/data/retail-uci/online-retail.csv.gz',
)
const dayMs = 24 * 3_600_000
const seed = 1
const resamples = 300
const churnDays = 60
/** Some 50 days of the synthetic shop; nobody is asked in the first 30, in which its visitors become known. */
const visitsTotal = 24_000
const shopDaysUnasked = 30
const shopStartsAtMs = Date.UTC(2026, 0, 5)

const number = (name: string, from: string): Feature => ({
  ...{ name, from, type: 'number', imputed: 0 },
})
/** Told by no POP: what the benchmark knows beside the model, to hold it against. */
const beside = (name: string) => number(name, `event.${name}`)

/** One question, and what is asked of the same rows: the hub's own model first. */
interface Question {
  readonly name: string
  readonly what: string
  readonly rows: LearnedRows
  readonly columns: readonly string[]
  readonly models: readonly Asked[]
}

interface Asked {
  /** Of its figures: `churnBaselinePrAuc`. */
  readonly key: string
  readonly title: string
  /** Of the columns those that it reads. */
  readonly reads: readonly string[]
  /** Plain logistic regression, and nothing chosen. */
  readonly isPlain?: true
}

export async function outcomeFigures() {
  const questions = [willBuy(), ...(existsSync(retailFile) ? [await churn()] : [])]
  const answered = questions.map(answer)
  return {
    figures: Object.assign({}, ...answered.map(({ figures }) => figures)) as Record<string, number>,
    lines: [
      ...answered.flatMap(({ lines }) => lines),
      ...(questions.length === 2 ? [] : ['retail-uci is not here: churn was left out']),
    ],
  }
}

function answer({ name, what, rows, columns, models }: Question) {
  const { earlier, judged } = splitByTime(rows)
  const test = pick(rows, judged)
  const visitors = test.rows.filter((_, at) => at % rows.columns === 0)
  const answers = models.map(({ key, title, reads, isPlain }) => {
    const [learned, asked] = [pick(rows, earlier), test].map((part) =>
      withColumns(
        part,
        reads.map((each) => columns.indexOf(each)),
      ),
    ) as [Examples, Examples]
    const fitted = isPlain ? null : chooseModel(learned)
    const model = fitted?.model ?? trainLogistic(learned, defaultLogisticSettings)
    const { scored, ...judgement } = judge(model, asked, learned)
    const [prAuc, error] = [averagePrecision, brier].map((metric) =>
      clusteredByVisitor(scored, visitors, metric),
    ) as [Interval, Interval]
    const how = fitted ? ` (${fitted.family}${fitted.isCalibrated ? ', calibrated' : ''})` : ''
    return {
      ...{ ...judgement, prAuc, error, key },
      line: `  ${title}${how}: PR-AUC ${range(prAuc, 3)}, Brier ${range(error, 4)}`,
    }
  })
  const [{ figures, reliability }] = answers as [(typeof answers)[number]]
  const bins = reliability.map(
    ({ score, happened }) => `${score.toFixed(3)} ${happened.toFixed(3)}`,
  )
  return {
    lines: [
      `${what}: ${earlier.length} rows learned from, ${judged.length} of ${new Set(visitors).size} visitors judge, ${figures.judgedPositives} of them positive`,
      `  the base rate of everybody: PR-AUC ${figures.baseRate.toFixed(3)}, Brier ${figures.baselineBrier.toFixed(4)}`,
      ...answers.map(({ line }) => line),
      `  reliability of the first, by tenths of its scores, said and happened: ${bins.join(' | ')}`,
      `  its calibration error: ${figures.calibrationError.toFixed(4)}`,
    ],
    figures: {
      [`${name}Rows`]: rows.labels.length,
      [`${name}BaseRate`]: figures.baseRate,
      [`${name}BaseRateBrier`]: figures.baselineBrier,
      [`${name}CalibrationError`]: figures.calibrationError,
      ...Object.assign(
        {},
        ...answers.map(({ key, prAuc, error }) => ({
          [`${name}${key}PrAuc`]: prAuc.value,
          [`${name}${key}Brier`]: error.value,
        })),
      ),
    },
  }
}

interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

const range = ({ value, low, high }: Interval, digits: number) =>
  `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`

function withColumns({ columns, rows, labels }: Examples, kept: readonly number[]): Examples {
  const picked = new Float32Array(labels.length * kept.length)
  for (let at = 0; at < labels.length; at++) {
    for (const [place, column] of kept.entries()) {
      picked[at * kept.length + place] = rows[at * columns + column] as number
    }
  }
  return { columns: kept.length, rows: picked, labels }
}

/** With its 95 % bootstrap interval; visitors are drawn and not rows, as those of one are alike. */
function clusteredByVisitor(
  scored: Scored,
  visitors: ArrayLike<number>,
  metric: (scored: Scored) => number,
): Interval {
  const random = xoroshiro128plus(seed)
  const places = [
    ...Map.groupBy(
      Array.from(scored.labels, (_, at) => at),
      (at) => visitors[at],
    ).values(),
  ]
  const values = Array.from({ length: resamples }, () => {
    const drawn = places.flatMap(() => places[uniformInt(random, 0, places.length - 1)] as number[])
    return metric({
      scores: Float64Array.from(drawn, (at) => scored.scores[at] as number),
      labels: Uint8Array.from(drawn, (at) => scored.labels[at] as number),
    })
  }).sort((one, other) => one - other)
  return {
    value: metric(scored),
    low: quantileSorted(values, 0.025),
    high: quantileSorted(values, 0.975),
  }
}

function rowsOf(
  histories: ReadonlyMap<string, readonly StoredEvent[]>,
  learning: RowLearning,
  heardUntil: number,
): LearnedRows {
  const gatherer = new RowGatherer({
    ...{ learning, heardUntil, timeZone: 'UTC', declared: {} },
    idleMsMax: limits.sessionIdleMsDefault,
  })
  for (const history of histories.values()) gatherer.take(history)
  return gatherer.sample.inOrder()
}

function since(rows: LearnedRows, sinceMs: number): LearnedRows {
  const first = rows.askedAt.findIndex((at) => at >= sinceMs)
  return {
    ...pick(rows, [...rows.labels.keys()].slice(first)),
    ...{ askedAt: rows.askedAt.slice(first), knownAt: rows.knownAt.slice(first) },
  }
}

function stored(visitor: string, event: string, at: number, properties: object): StoredEvent {
  return {
    pop: 'p',
    ...{ visitor, event, timestamp: at, receivedAt: at, bot: false },
    ...{ properties: JSON.stringify(properties), context: '{}', said: '', saidAt: 0 },
  }
}

/** Will this visitor of the synthetic shop, dirt and all, buy in this session? Asked at each product. */
function willBuy(): Question {
  const own = [
    ...['views', 'carts', 'purchases', 'events', 'lengthMs'].map((of) =>
      number(of, `session.${of}`),
    ),
    ...['views30d', 'carts30d', 'purchases30d', 'sessions30d', 'spend30d', 'carts1h'].map((of) =>
      number(of, `totals.${of}`),
    ),
    ...[number('price', 'event.price'), number('hour', 'time.hour')],
  ]
  const features = [beside('visitorNumber'), ...own, beside('basketLines'), beside('hasAdded')]
  const { histories, heardUntil } = shopHistories()
  const learning: RowLearning = {
    ...{ learns: 'outcome', after: ['Product Viewed', 'Product Added'] },
    ...{ event: 'Order Completed', features },
  }
  return {
    ...{ name: 'willBuy', what: 'will buy in this session, synthetic shop' },
    rows: since(rowsOf(histories, learning, heardUntil), shopStartsAtMs + shopDaysUnasked * dayMs),
    columns: namesOf(features),
    models: [
      { key: '', title: 'learned by the hub', reads: namesOf(own) },
      {
        ...{ key: 'Baseline', title: 'logistic of visits and orders in 30 days', isPlain: true },
        reads: ['sessions30d', 'purchases30d'],
      },
      {
        ...{ key: 'Most', title: 'learned of what decides in the simulation, lines in the basket' },
        reads: ['basketLines', 'hasAdded', 'views'],
      },
    ],
  }
}

const namesOf = (features: readonly Feature[]) => features.map(({ name }) => name)

/** What a POP would have taken of the shop's traffic, by visitor, in the order in which it came. */
function shopHistories() {
  const shop = makeShop({ seed })
  const traffic = simulate({ shop, seed: seed + 1, startAtMs: shopStartsAtMs, visitorsPerHour: 20 })
  const histories = new Map<string, StoredEvent[]>()
  const seen = new Set<string>()
  const baskets = new Map<string, number>()
  let heardUntil = 0
  for (const emission of traffic) {
    const { sendAtMs: receivedAt, body, truth } = emission
    if (truth.visit >= visitsTotal) break
    const envelope = { receivedAt, sentAt: Date.parse(body.sentAt) }
    for (const raw of eventsOf(emission)) {
      const read = readEvent(
        'anonymousId' in body ? { ...raw, anonymousId: body.anonymousId } : raw,
        envelope,
      )
      if (!read.ok || seen.has(read.value.messageId)) continue
      const { messageId, event, timestamp, bot, properties } = read.value
      seen.add(messageId)
      const visitor = visitorKey(read.value) as string
      const history = histories.get(visitor) ?? []
      const session = history.at(-1)
      const isNew =
        session === undefined || timestamp - session.timestamp > limits.sessionIdleMsDefault
      const before = isNew ? 0 : (baskets.get(visitor) ?? 0)
      const change = { 'Product Added': 1, 'Product Removed': -1 }[event] ?? 0
      const basketLines = event === 'Order Completed' ? 0 : Math.max(0, before + change)
      baskets.set(visitor, basketLines)
      const told = {
        ...{ ...properties, basketLines, hasAdded: change > 0 ? 1 : 0 },
        visitorNumber: histories.has(visitor) ? visitorNumberOf(history) : histories.size,
      }
      history.push({ ...stored(visitor, event, timestamp, told), receivedAt, bot })
      histories.set(visitor, history)
      heardUntil = Math.max(heardUntil, Math.min(timestamp, receivedAt))
    }
  }
  return { histories, heardUntil }
}

function visitorNumberOf([first]: readonly StoredEvent[]): number {
  return JSON.parse((first as StoredEvent).properties).visitorNumber
}

/** Who of a real shop's customers places no further order for so many days? Asked after each order. */
async function churn(): Promise<Question> {
  const own = [
    number('total', 'event.total'),
    number('lines', 'event.lines'),
    ...['purchases30d', 'spend30d', 'sessions30d', 'purchases1d'].map((of) =>
      number(of, `totals.${of}`),
    ),
    ...[number('hour', 'time.hour'), number('weekday', 'time.weekday')],
  ]
  const lifetime = ['ordersBefore', 'daysSinceOrder', 'isFirst', 'daysKnown']
  const features = [beside('visitorNumber'), ...own, ...lifetime.map(beside)]
  const { histories, heardUntil } = await retailHistories()
  const learning: RowLearning = {
    ...{ learns: 'absence', after: ['Order Completed'], event: 'Order Completed' },
    ...{ days: churnDays, features },
  }
  return {
    ...{ name: 'churn', what: `no order for ${churnDays} days, retail-uci` },
    ...{ rows: rowsOf(histories, learning, heardUntil), columns: namesOf(features) },
    models: [
      { key: '', title: 'learned by the hub', reads: namesOf(own) },
      {
        ...{ key: 'Baseline', title: 'logistic of orders in 30 days and in 1', isPlain: true },
        reads: ['purchases30d', 'purchases1d'],
      },
      {
        ...{ key: 'Told', title: 'learned of that and what the shop tells of all orders before' },
        reads: [...namesOf(own), ...lifetime],
      },
      {
        ...{
          key: 'ToldBaseline',
          title: 'logistic of days since the last order and orders before',
        },
        ...{ reads: ['daysSinceOrder', 'isFirst', 'ordersBefore'], isPlain: true },
      },
    ],
  }
}

/** Orders of customers that the till knew, and beside them what a shop knows of all their orders before. */
async function retailHistories() {
  const histories = new Map<string, StoredEvent[]>()
  let heardUntil = 0
  for await (const invoice of readInvoices(retailFile, { duplicates: 0, malformed: 0 })) {
    const sold = invoice.lines.filter(({ quantity, unitPrice }) => quantity > 0 && unitPrice > 0)
    if (invoice.customer === null || sold.length === 0) continue
    const at = +invoice.at
    heardUntil = Math.max(heardUntil, at)
    const history = histories.get(invoice.customer) ?? []
    const [first, last] = [history[0], history.at(-1)]
    const properties = {
      ...{ total: totalOf(sold), lines: sold.length, ordersBefore: history.length },
      daysSinceOrder: last === undefined ? 0 : (at - last.timestamp) / dayMs,
      isFirst: last === undefined ? 1 : 0,
      daysKnown: first === undefined ? 0 : (at - first.timestamp) / dayMs,
      visitorNumber: first === undefined ? histories.size : visitorNumberOf(history),
    }
    history.push(stored(`u:${invoice.customer}`, 'Order Completed', at, properties))
    histories.set(invoice.customer, history)
  }
  return { histories, heardUntil }
}

function totalOf(lines: readonly InvoiceLine[]): number {
  return lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0)
}

if (import.meta.main) {
  const { figures, lines } = await outcomeFigures()
  for (const line of lines) process.stdout.write(`${line}\n`)
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
}
