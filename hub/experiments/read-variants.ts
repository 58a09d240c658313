import type { Store } from '../store/store.ts'
import { timestamp } from '../store/timestamp.ts'
import type { Moments } from './moments.ts'

/** What the store knows of one variant of an experiment. */
export interface StoredVariant {
  readonly variant: string
  /** Every visitor who has come in, whosever it is: they are what the parts were drawn for. */
  readonly entered: number
  /** Seen in another variant as well: left out of the outcomes, in none of which they belong. */
  readonly crossed: number
  readonly conversion: Moments
  readonly revenue: Moments
  readonly orders: number
}

export interface SummaryRow {
  readonly experiment: string
  readonly variant: string
  readonly visitors: number
  readonly first_at: string
  readonly last_at: string
}

/** Variants that anybody was ever in; a policy that names them without end is cut. */
const variantsMax = 1_000
const statementTimeMaxMs = 60_000

/** The variants that visitors of a site have been in, and since when. */
export function readSummaries(site: string, store: Store): Promise<SummaryRow[]> {
  return store.query<SummaryRow>(
    `SELECT assigned.1 AS experiment, assigned.2 AS variant, uniqExact(visitor) AS visitors,
       min(at) AS first_at, max(at) AS last_at
     FROM decisions_once
     ARRAY JOIN JSONExtractKeysAndValues(features, 'variants', 'String') AS assigned
     WHERE site = {site:String}
     GROUP BY experiment, variant ORDER BY experiment, variant LIMIT ${variantsMax}`,
    { site },
    { timeMaxMs: statementTimeMaxMs },
  )
}

interface Row extends Record<string, unknown> {
  readonly variant: string
  readonly entered: number
  readonly crossed: number
  readonly visitors: number
  readonly orders_total: number
}

/**
 * Outcomes by variant, of persons whose days were over at `at` (epoch ms); whoever is several visitors is in the variant of the
 * first. A conversion is an order or more; its covariate are views before the first decision, that of revenue is spend
 * before it.
 */
export async function readVariants(
  {
    site,
    experiment,
    days,
    at,
  }: {
    readonly site: string
    readonly experiment: string
    readonly days: number
    readonly at: number
  },
  store: Store,
): Promise<StoredVariant[]> {
  const rows = await store.query<Row>(
    `SELECT variant, count() AS entered, countIf(variants > 1) AS crossed, countIf(counts) AS visitors,
       sumIf(orders, counts) AS orders_total,
       ${momentsOf('conversion', 'toFloat64(orders > 0)', 'toFloat64(views_before)')},
       ${momentsOf('revenue', 'revenue', 'spend_before')}
     FROM (SELECT *, first AND variants = 1 AND entered_at + toIntervalDay({days:UInt32}) <= {at:DateTime64(3, 'UTC')}
         AS counts
       FROM experiment_visitors(days = {days:UInt32})
       WHERE site = {site:String} AND experiment = {experiment:String})
     GROUP BY variant ORDER BY variant LIMIT ${variantsMax}`,
    { site, experiment, days, at: timestamp(at).replace('T', ' ').replace('Z', '') },
    { timeMaxMs: statementTimeMaxMs },
  )
  return rows.map((row) => ({
    ...{
      variant: row.variant,
      entered: row.entered,
      crossed: row.crossed,
      orders: row.orders_total,
    },
    conversion: momentsIn(row, 'conversion'),
    revenue: momentsIn(row, 'revenue'),
  }))
}

/** Stable forms: the plain ones lose a small variance beside a large mean. */
function momentsOf(name: string, outcome: string, covariate: string): string {
  return `avgIf(${outcome}, counts) AS ${name}_mean,
       varSampStableIf(${outcome}, counts) AS ${name}_variance,
       avgIf(${covariate}, counts) AS ${name}_covariate_mean,
       varSampStableIf(${covariate}, counts) AS ${name}_covariate_variance,
       covarSampStableIf(${outcome}, ${covariate}, counts) AS ${name}_covariance`
}

/** Of nobody there is no mean, and of one no variance: the store answers null. */
function momentsIn(row: Row, name: string): Moments {
  const number = (column: string) => Number(row[`${name}_${column}`] ?? 0)
  return {
    visitors: row.visitors,
    mean: number('mean'),
    variance: number('variance'),
    covariateMean: number('covariate_mean'),
    covariateVariance: number('covariate_variance'),
    covariance: number('covariance'),
  }
}
