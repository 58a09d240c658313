import { interactionEvents } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import type { Store } from '../store/store.ts'

/** A session that nobody has learned from, by the ids of its items. */
export interface HeldBackSession {
  readonly items: readonly string[]
  /** Whether the visitor had been here in a session before. */
  readonly isReturning: boolean
}

const sessionsMax = 500
const timeMaxMs = 10_000

/** Sessions of people that began after a time, each as a POP would have seen it; the newest of them. */
const heldBackSql = `
  SELECT items, isReturning FROM (
    SELECT visitor, session, min(timestamp) AS beganAt,
           arraySlice(arrayCompact(arrayMap(click -> click.5, arraySort(groupArray(
             (timestamp, epoch, sequence, position, item))))), -{sessionItemsMax:Int32}) AS items,
           row_number() OVER (PARTITION BY visitor ORDER BY beganAt) > 1 AS isReturning
    FROM (
      SELECT visitor, session, timestamp, epoch, sequence, position, item
      FROM events_once ARRAY JOIN items AS item
      WHERE site = {site:String} AND event IN {interactions:Array(String)} AND NOT bot)
    GROUP BY visitor, session)
  WHERE beganAt > fromUnixTimestamp64Milli({sinceMs:Int64}) AND length(items) > 1
  ORDER BY beganAt DESC, visitor, session LIMIT {sessionsMax:UInt32}`

export async function readHeldBack(
  store: Store,
  site: string,
  sinceMs: number,
): Promise<HeldBackSession[]> {
  const { sessionItemsMax } = limits
  const rows = await store.query<{ items: string[]; isReturning: boolean | number }>(
    heldBackSql,
    { site, interactions: interactionEvents, sinceMs, sessionItemsMax, sessionsMax },
    { rowsMax: sessionsMax, timeMaxMs },
  )
  return rows.map(({ items, isReturning }) => ({ items, isReturning: Boolean(isReturning) }))
}
