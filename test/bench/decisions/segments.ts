import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { mean, quantileSorted } from 'simple-statistics'
import { readInvoices } from '#examples/retail-year-on-year/read-invoices.ts'
import { type SegmentsLearning, trainSegmentRows } from '#hub/training/learned/train-segments.ts'
import { adjustedRand } from '#models/segments/compare.ts'
import { assign, type SegmentRows } from '#models/segments/train.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { segmentsFromModel } from '#shared/tabular/segments.ts'
import { totalsAt } from '#shared/totals.ts'

// Segments that are learned against quintiles of recency, frequency and money, on what customers spend next.

const file = resolve(import.meta.dirname, '../../../../shared/data/retail-uci/online-retail.csv.gz')
const dayMs = 24 * 3_600_000
const nextDays = 90
const cuts = ['2011-06-01', '2011-08-01', '2011-09-01'].map((day) => Date.parse(`${day}T00:00:00Z`))
const splits = 50
const seed = 1

const number = (name: string, imputed = 0): Feature => ({
  ...{ name, from: `profile.${name}`, type: 'number', imputed },
})
const learning: SegmentsLearning = {
  ...{ learns: 'segments', after: ['Order Completed'], segmentsMin: 3, segmentsMax: 8 },
  features: [
    ...[number('orders'), number('spend'), number('spend90d'), number('averageOrderValue')],
    ...[number('daysSinceLastOrder', 400), number('tenureDays')],
  ],
}

interface Order {
  readonly at: number
  readonly total: number
}

/** A customer as the profile has it at a moment, and what it did next. */
interface Customer {
  readonly recencyDays: number
  readonly orders: number
  readonly spend: number
  readonly row: Float32Array
  readonly nextSpend: number
}

async function readOrders(): Promise<Map<string, Order[]>> {
  const customers = new Map<string, Order[]>()
  for await (const { customer, at, lines } of readInvoices(file, { duplicates: 0, malformed: 0 })) {
    const total = lines.reduce(
      (sum, { quantity, unitPrice }) =>
        quantity > 0 && unitPrice > 0 ? sum + quantity * unitPrice : sum,
      0,
    )
    if (customer === null || total === 0) continue
    customers.set(customer, [...(customers.get(customer) ?? []), { at: +at, total }])
  }
  return customers
}

function customersAt(cut: number, all: ReadonlyMap<string, readonly Order[]>): Customer[] {
  const total = (orders: readonly Order[]) => orders.reduce((sum, order) => sum + order.total, 0)
  return [...all.values()].flatMap((orders) => {
    const before = orders.filter(({ at }) => at < cut)
    if (before.length === 0) return []
    const times = before.map(({ at }) => at)
    const spend = total(before)
    const recencyDays = (cut - Math.max(...times)) / dayMs
    const values = {
      ...{ orders: before.length, spend, averageOrderValue: spend / before.length },
      spend90d: total(before.filter(({ at }) => at >= cut - 90 * dayMs)),
      ...{ daysSinceLastOrder: recencyDays, tenureDays: (cut - Math.min(...times)) / dayMs },
    }
    const facts = {
      ...{ session: null, totals: totalsAt(null, cut), event: {}, context: {}, profile: values },
      time: { hour: 0, minute: 0, weekday: 1 },
    }
    const { features } = learning
    const next = orders.filter(({ at }) => at >= cut && at < cut + nextDays * dayMs)
    const row = encodeFeatures(features, readFeatures(features, facts))
    return [{ recencyDays, orders: before.length, spend, row, nextSpend: total(next) }]
  })
}

function rowsOf(customers: readonly Customer[]): SegmentRows {
  const columns = learning.features.length
  return { columns, rows: Float32Array.from(customers.flatMap(({ row }) => [...row])) }
}

/** The part of each value, of `parts` as large ones by the edges of those that `of` has. */
function quantiles(values: readonly number[], of: readonly number[], parts: number): number[] {
  const sorted = of.toSorted((one, other) => one - other)
  const edges = Array.from({ length: parts - 1 }, (_, at) => {
    return quantileSorted(sorted, (at + 1) / parts)
  })
  return values.map((value) => edges.filter((edge) => value > edge).length)
}

/** Recency, frequency and money in fifths: 125 cells, or their sum. */
function rfm(customers: readonly Customer[], edgesOf = customers) {
  const of = (read: (customer: Customer) => number) =>
    quantiles(customers.map(read), edgesOf.map(read), 5)
  const recency = of(({ recencyDays }) => -recencyDays)
  const [frequency, money] = [of(({ orders }) => orders), of(({ spend }) => spend)]
  return {
    cells: recency.map((r, at) => r * 25 + (frequency[at] as number) * 5 + (money[at] as number)),
    sums: recency.map((r, at) => r + (frequency[at] as number) + (money[at] as number)),
    money,
  }
}

/** Of what differs between customers, the part that the means of groups tell of customers they were not made from. */
function explained(groups: ArrayLike<number>, targets: readonly number[]) {
  const random = xoroshiro128plus(seed)
  const shares = Array.from({ length: splits }, () => {
    const isFirst = targets.map(() => uniformInt(random, 0, 1) === 0)
    const [told, judged] = [true, false].map((side) =>
      [...targets.keys()].filter((at) => isFirst[at] === side),
    ) as [number[], number[]]
    const overall = mean(told.map((at) => targets[at] as number))
    const byGroup = Map.groupBy(told, (at) => groups[at] as number)
    const means = new Map(
      [...byGroup].map(([group, those]) => {
        return [group, mean(those.map((at) => targets[at] as number))]
      }),
    )
    const center = mean(judged.map((at) => targets[at] as number))
    let [left, all] = [0, 0]
    for (const at of judged) {
      left += ((targets[at] as number) - (means.get(groups[at] as number) ?? overall)) ** 2
      all += ((targets[at] as number) - center) ** 2
    }
    return 1 - left / all
  }).sort((one, other) => one - other)
  return {
    mean: mean(shares),
    low: quantileSorted(shares, 0.025),
    high: quantileSorted(shares, 0.975),
  }
}

/** What was found; null where the data is not here. */
export async function segmentFigures() {
  if (!existsSync(file)) return null
  const orders = await readOrders()
  const figures: Record<string, number> = {}
  const lines: string[] = []
  let live: { bytes: Uint8Array; segments: readonly { name: string; says: string }[] } | null = null
  let before: readonly Customer[] = []
  for (const cut of cuts) {
    const day = new Date(cut).toISOString().slice(0, 10)
    const customers = customersAt(cut, orders)
    const rows = rowsOf(customers)
    const trained = trainSegmentRows(rows, learning, live)
    lines.push(`${day}, ${customers.length} customers: ${trained.outcome}, ${trained.reason}`)
    if (trained.bytes === null || trained.segments === undefined) continue
    const learned = assign(segmentsFromModel(trained.bytes), rows)
    const quintile = rfm(customers)
    const targets = {
      LogSpend: customers.map(({ nextSpend }) => Math.log1p(nextSpend)),
      Spend: customers.map(({ nextSpend }) => nextSpend),
      Buys: customers.map(({ nextSpend }) => (nextSpend > 0 ? 1 : 0)),
    }
    const finer = trainSegmentRows(rows, { ...learning, segmentsMin: 6 }, null)
    const learnedFiner =
      finer.bytes === null ? learned : assign(segmentsFromModel(finer.bytes), rows)
    const asMany = (groups: ArrayLike<number>) =>
      quantiles(quintile.sums, quintile.sums, new Set(Array.from(groups)).size)
    const ways = {
      ...{
        learned,
        rfmAsMany: asMany(learned),
        learnedFiner,
        rfmAsManyFiner: asMany(learnedFiner),
      },
      ...{ rfmCells: quintile.cells, rfmSums: quintile.sums, money: quintile.money },
    }
    for (const [what, values] of Object.entries(targets)) {
      const told = Object.entries(ways).map(([way, groups]) => {
        const share = explained(groups, values)
        figures[`${day}/${way}Explains${what}`] = share.mean
        const groupsTotal = new Set(Array.from(groups)).size
        return `${way} (${groupsTotal}) ${share.mean.toFixed(3)} (${share.low.toFixed(3)}–${share.high.toFixed(3)})`
      })
      lines.push(`  explains of the next ${nextDays} days' ${what}: ${told.join(', ')}`)
    }
    if (live !== null) {
      const { adjustedRand: kept = 0, segmentsKept = 0 } = trained.figures
      const rfmKept = adjustedRand(quintile.cells, rfm(customers, before).cells)
      figures[`${day}/adjustedRand`] = kept
      figures[`${day}/rfmAdjustedRand`] = rfmKept
      lines.push(
        `  the same customers by the model before: adjusted Rand ${kept.toFixed(3)} (RFM cells ${rfmKept.toFixed(3)}), ${segmentsKept} of ${trained.figures.segments} names kept`,
      )
    }
    const halves = [0, 1].map((side) => customers.filter((_, at) => at % 2 === side))
    const [one, other] = halves.map((half) => trainSegmentRows(rowsOf(half), learning, null).bytes)
    if (one && other) {
      const [left, right] = [one, other].map((bytes) => assign(segmentsFromModel(bytes), rows))
      figures[`${day}/halvesAdjustedRand`] = adjustedRand(left as Int32Array, right as Int32Array)
      lines.push(
        `  learned from either half: adjusted Rand ${figures[`${day}/halvesAdjustedRand`]?.toFixed(3)}`,
      )
    }
    live = { bytes: trained.bytes, segments: trained.segments }
    before = customers
  }
  return { figures: { ...overall(figures), ...figures }, lines }
}

/** Means over the days. */
function overall(figures: Readonly<Record<string, number>>): Record<string, number> {
  const names = {
    ...{ segmentsExplainLogSpend: 'learnedExplainsLogSpend' },
    ...{ segmentsRfmExplainsLogSpend: 'rfmAsManyExplainsLogSpend' },
    ...{ segmentsAdjustedRand: 'adjustedRand', segmentsRfmAdjustedRand: 'rfmAdjustedRand' },
  }
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, of]) => {
      const values = Object.entries(figures).filter(([key]) => key.endsWith(`/${of}`))
      return values.length === 0 ? [] : [[name, mean(values.map(([, value]) => value))]]
    }),
  )
}

if (import.meta.main) {
  const found = await segmentFigures()
  for (const line of found?.lines ?? ['the data is not here']) process.stdout.write(`${line}\n`)
  if (found) process.stdout.write(`${JSON.stringify(found.figures, null, 2)}\n`)
}
