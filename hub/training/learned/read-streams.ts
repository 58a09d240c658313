import type { StreamLearning } from '#shared/learning.ts'
import type { Store } from '../../store/store.ts'
import { learningBounds } from './bounds.ts'
import { drawnPages, wheel } from './drawn-pages.ts'
import type { Heard } from './read-histories.ts'
import { isWordSql } from './word-sql.ts'

const dayMs = 24 * 3_600_000

/** One reading of a stream, as the store has it. */
export interface StoredReading {
  readonly visitor: string
  /** Epoch ms. */
  readonly at: number
  /** The property's raw JSON. */
  readonly value: string
}

/** A meter that sends faster than a person clicks is no bot here. */
const readingsSql = `
  FROM events_once
  WHERE site = {site:String} AND event IN {after:Array(String)}
    AND timestamp > fromUnixTimestamp64Milli({sinceMs:Int64})
    AND ${isWordSql('properties', '{property:String}')}`

const streamsSql = `
  SELECT visitor, least(count(), {readingsMax:UInt32}) AS readings,
         cityHash64({seed:UInt32}, visitor) % ${wheel} AS place
  ${readingsSql}
  GROUP BY visitor`

const sizeSql = `SELECT count() AS streams, sum(readings) AS readings FROM (${streamsSql})`

const pageSql = `
  SELECT visitor, toUnixTimestamp64Milli(timestamp) AS at,
         JSONExtractRaw(properties, {property:String}) AS value
  ${readingsSql}
    AND visitor IN (SELECT visitor FROM (${streamsSql}) WHERE place >= {from:UInt32} AND place < {end:UInt32})
  ORDER BY visitor, timestamp DESC
  LIMIT {readingsMax:UInt32} BY visitor`

/** The newest readings of streams drawn from the store, whole streams a page, each newest first. */
export async function readStreams(
  store: Store,
  site: string,
  { after, from }: StreamLearning,
  { untilMs }: Heard,
): Promise<{
  readonly visitors: number
  readonly pages: AsyncIterable<readonly StoredReading[]>
}> {
  const { seed, readingsPerStreamMax, eventsMax, eventsPerPage, queryMsMax } = learningBounds
  const { pageRowsMax, pageBytesMax, days } = learningBounds
  const drawing = {
    ...{ site, seed, after, property: from.slice('event.'.length) },
    ...{ readingsMax: readingsPerStreamMax, sinceMs: Math.max(0, untilMs - days * dayMs) },
  }
  const bounds = { timeMaxMs: queryMsMax }
  const [size] = await store.query<{ streams: number; readings: number }>(sizeSql, drawing, bounds)
  const [visitors, readings] = [Number(size?.streams ?? 0), Number(size?.readings ?? 0)]
  async function* pages() {
    for (const page of drawnPages(readings, eventsMax, eventsPerPage)) {
      const parameters = { ...drawing, ...page }
      const pageBounds = { ...bounds, rowsMax: pageRowsMax, bytesMax: pageBytesMax }
      const rows = await store.query<StoredReading>(pageSql, parameters, pageBounds)
      yield rows.map(({ visitor, at, value }) => ({ visitor, at: Number(at), value }))
    }
  }
  return { visitors, pages: pages() }
}
