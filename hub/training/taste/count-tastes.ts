import type { TasteCounts } from '#models/time-of-day/train.ts'
import { interactionEvents } from '#shared/event.ts'
import type { ItemFacts } from '#shared/policy.ts'
import { slotOf, slotsTotal } from '#shared/time-of-day.ts'
import type { Store } from '../../store/store.ts'

/** What a model of the time of day may know: the most viewed items, 48 numbers each, of the last days. */
export const tasteBounds = { itemsMax: 5_000, days: 120, timeMaxMs: 120_000 } as const

/** The newest part of what was taken, which judges. */
const judgedShare = 0.2

/**
 * What was taken at which hour, as the clock on the wall of each visitor showed it: by the time zone that its SDK tells in
 * `context.timezone`, else by the policy's.
 */
const countsSql = `
  WITH takings AS (
    SELECT item, timestamp, JSONExtractString(context, 'timezone') AS said,
           if(said IN (SELECT time_zone FROM system.time_zones), said, {timeZone:String}) AS zone
    FROM events_once ARRAY JOIN items AS item
    WHERE site = {site:String} AND event IN {interactions:Array(String)} AND NOT bot
      AND timestamp > (SELECT max(timestamp) FROM events_once WHERE site = {site:String})
        - toIntervalDay({days:UInt16}))
  SELECT item, toUInt8(formatDateTime(timestamp, '%H', zone)) AS hour,
         if(toUInt8(formatDateTime(timestamp, '%u', zone)) >= 6, 6, 1) AS weekday,
         countIf(timestamp <= (SELECT quantileExact({olderShare:Float64})(timestamp) FROM takings)) AS older,
         count() - older AS newer
  FROM takings WHERE item IN {items:Array(String)}
  GROUP BY item, hour, weekday`

interface CountRow {
  readonly item: string
  readonly hour: number
  readonly weekday: number
  readonly older: number
  readonly newer: number
}

/** Counted by the store, the older part and the newer apart. */
export interface CountedTastes {
  readonly older: TasteCounts
  readonly newer: TasteCounts
}

export async function countTastes(
  store: Store,
  site: string,
  catalogue: readonly ItemFacts[],
  timeZone: string,
): Promise<CountedTastes> {
  const known = catalogue.slice(0, tasteBounds.itemsMax)
  const { days, timeMaxMs } = tasteBounds
  const items = known.map(({ id }) => id)
  const parameters = {
    ...{ site, timeZone, days, items, interactions: interactionEvents },
    olderShare: 1 - judgedShare,
  }
  const rowsMax = Math.max(1, known.length * slotsTotal)
  const rows = await store.query<CountRow>(countsSql, parameters, { rowsMax, timeMaxMs })
  const numbers = new Map(items.map((id, number) => [id, number]))
  const [older, newer] = [0, 1].map(() => new Float64Array(slotsTotal * known.length)) as [
    Float64Array,
    Float64Array,
  ]
  for (const row of rows) {
    const at = slotOf(row) * known.length + (numbers.get(row.item) as number)
    older[at] = Number(row.older)
    newer[at] = Number(row.newer)
  }
  const categories = categoriesOf(known)
  return { older: { counts: older, categories }, newer: { counts: newer, categories } }
}

/** An item without a category is one of its own. */
function categoriesOf(items: readonly ItemFacts[]): Int32Array {
  const numbers = new Map<string, number>()
  return Int32Array.from(items, ({ id, category }) => {
    const name = category === undefined ? `item ${id}` : `category ${category}`
    const number = numbers.get(name) ?? numbers.size
    numbers.set(name, number)
    return number
  })
}
