import type { Store } from '../../store/store.ts'
import { isWordSql } from './word-sql.ts'

/** What a trait of somebody was told to be, a word as raw JSON, and when, epoch ms. */
export interface Telling {
  readonly at: number
  readonly said: string
}

/** By whom it was told: a device's own calls, and those of a server that knows the user alone. */
const tellingsSql = (pageSql: string) => `
  WITH told AS (
    SELECT visitor, user_id, timestamp, JSONExtractRaw(traits, {trait:String}) AS said
    FROM events_once
    WHERE site = {site:String} AND type IN ('identify', 'group')
      AND ${isWordSql('traits', '{trait:String}')}
  )
  SELECT DISTINCT visitor, toUnixTimestamp64Milli(timestamp) AS at, said
  FROM (
    SELECT visitor, timestamp, said FROM told WHERE visitor IN (${pageSql})
    UNION ALL
    SELECT known.visitor AS visitor, told.timestamp AS timestamp, told.said AS said
    FROM told
    INNER JOIN (
      SELECT DISTINCT visitor, user_id FROM events_once
      WHERE site = {site:String} AND user_id != '' AND visitor IN (${pageSql})
    ) AS known ON known.user_id = told.user_id
  )
  ORDER BY visitor, at`

/** What was told of the visitors of a page, each oldest first. */
export async function readTellings(
  store: Store,
  pageSql: string,
  parameters: Record<string, unknown>,
  bounds: Parameters<Store['query']>[2],
): Promise<ReadonlyMap<string, readonly Telling[]>> {
  const rows = await store.query<Telling & { readonly visitor: string }>(
    tellingsSql(pageSql),
    parameters,
    bounds,
  )
  const tellings = rows.map(({ visitor, at, said }) => ({ visitor, at: Number(at), said }))
  return Map.groupBy(tellings, ({ visitor }) => visitor)
}
