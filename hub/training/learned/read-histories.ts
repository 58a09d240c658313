import type { RowLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import { newcomer } from '#shared/profile.ts'
import { profilesSql } from '../../profiles/profile-sql.ts'
import { type ProfileRow, valuesOf } from '../../profiles/read-profiles.ts'
import type { Store } from '../../store/store.ts'
import { learningBounds } from './bounds.ts'
import { drawnPages, type Page, readPages, wheel } from './drawn-pages.ts'
import { readTellings } from './read-tellings.ts'
import type { StoredEvent } from './replay-history.ts'
import { isWordSql, wordSql } from './word-sql.ts'

const dayMs = 24 * 3_600_000

/** What the store has of a site, for models that are learned. */
export interface Heard {
  readonly events: number
  /** The newest that was heard, epoch ms; a clock that is ahead tells nothing of what comes. 0 of nothing. */
  readonly untilMs: number
}

/** Where nobody asks. */
export const nothingHeard: Heard = { events: 0, untilMs: 0 }

export async function readHeard(store: Store, site: string): Promise<Heard> {
  const [row] = await store.query<{ events: number; untilMs: number }>(
    `SELECT count() AS events, toUnixTimestamp64Milli(max(least(timestamp, received_at))) AS untilMs
     FROM events_once WHERE site = {site:String}`,
    { site },
    { timeMaxMs: learningBounds.queryMsMax },
  )
  return { events: Number(row?.events ?? 0), untilMs: Math.max(0, Number(row?.untilMs ?? 0)) }
}

/** Whose events are read: who did what is asked about at least once, and is no till or crawler. */
const visitorsSql = `
  SELECT visitor, count() AS events, cityHash64({seed:UInt32}, visitor) % ${wheel} AS place
  FROM events_once
  WHERE site = {site:String} AND timestamp > fromUnixTimestamp64Milli({sinceMs:Int64})
  GROUP BY visitor
  HAVING countIf(event IN {after:Array(String)}) > 0 AND events <= {eventsPerVisitorMax:UInt32}`

const sizeSql = `SELECT count() AS visitors, sum(events) AS events FROM (${visitorsSql})`

const idSql = wordSql('properties', '{joinedBy:String}')

/** Whose events are on a page. */
const pageSql = `
  SELECT visitor FROM (${visitorsSql}) WHERE place >= {from:UInt32} AND place < {end:UInt32}`

/** A session is called by when it began. */
const profiledSessionsSql = `
  SELECT DISTINCT visitor, session, toInt64OrZero(substring(session, 2)) AS began
  FROM events_once
  WHERE site = {site:String} AND timestamp > fromUnixTimestamp64Milli({sinceMs:Int64})
    AND startsWith(session, 's') AND visitor IN (${pageSql})
  ORDER BY visitor, began DESC LIMIT {profiledSessionsMax:UInt32} BY visitor`

const profilesOfPageSql = profilesSql(`
  SELECT visitor, fromUnixTimestamp64Milli(began, 'UTC') AS as_of FROM (${profiledSessionsSql})`)

/** Whether the profile of an event's session is read; of others it is not known, so they teach nothing. */
const isProfiledSql = `NOT startsWith(session, 's')
  OR (visitor, session) IN (SELECT visitor, session FROM (${profiledSessionsSql}))`

/** What is said later of what an id names; of several words the last. */
const saidSql = `
  SELECT ${idSql} AS id,
         argMax(JSONExtractRaw(properties, {property:String}), timestamp) AS said,
         toUnixTimestamp64Milli(max(timestamp)) AS saidAt
  FROM events_once
  WHERE site = {site:String} AND event = {saidBy:String}
    AND ${isWordSql('properties', '{property:String}')}
  GROUP BY id HAVING id != ''`

const eventsSql = (isJoined: boolean, readsProfiles: boolean) => `
  SELECT visitor, pop, event, session, toUnixTimestamp64Milli(own.timestamp) AS timestamp,
         toUnixTimestamp64Milli(received_at) AS receivedAt, bot,
         if(${isRead}, properties, '{}') AS properties, if(${isRead}, context, '{}') AS context,
         ${readsProfiles ? isProfiledSql : 'true'} AS teaches,
         ${isJoined ? 'said, saidAt' : "'' AS said, 0 AS saidAt"}
  FROM (
    SELECT *, ${isJoined ? `if(event IN {after:Array(String)}, ${idSql}, '')` : "''"} AS id
    FROM events_once
    WHERE site = {site:String} AND timestamp > fromUnixTimestamp64Milli({sinceMs:Int64})
      AND visitor IN (${pageSql})
  ) AS own
  ${isJoined ? `LEFT JOIN (${saidSql}) AS others ON others.id = own.id` : ''}
  ORDER BY visitor,
    max(received_at) OVER (PARTITION BY visitor, pop ORDER BY epoch, sequence, position),
    pop, epoch, sequence, position`

/** Properties are long, and most events are only counted. */
const isRead = "event IN {after:Array(String)} OR event = 'Order Completed'"

/** Visitors drawn from the store, each with all events, a page at a time. */
export interface Histories {
  /** Of all visitors that could have been drawn. */
  readonly visitors: number
  readonly events: number
  readonly pages: AsyncIterable<readonly StoredEvent[]>
}

/**
 * Visitors of a site who did what a model asks about. The events of one POP are in its order, and those of several lie
 * between each other by when they came: an epoch is a POP's own.
 */
export async function readHistories(
  store: Store,
  site: string,
  learning: RowLearning,
  { untilMs }: Heard,
): Promise<Histories> {
  const { seed, eventsPerVisitorMax, eventsMax, eventsPerPage, queryMsMax } = learningBounds
  const { pageRowsMax, pageBytesMax, days, profiledSessionsMax } = learningBounds
  const { after } = learning
  // A day more than a POP remembers: its longest window begins with a whole one.
  const sinceMs = Math.max(0, untilMs - (days + 1) * dayMs - limits.visitorRetentionMs)
  const drawing = { site, seed, after, eventsPerVisitorMax, profiledSessionsMax, sinceMs }
  const bounds = { timeMaxMs: queryMsMax }
  const [size] = await store.query<{ visitors: number; events: number }>(sizeSql, drawing, bounds)
  const [visitors, events] = [Number(size?.visitors ?? 0), Number(size?.events ?? 0)]
  const joined =
    learning.learns === 'label'
      ? {
          ...{ joinedBy: learning.joinedBy, property: learning.said.property },
          saidBy: learning.said.event,
        }
      : null
  const readsProfiles = learning.features.some(({ from }) => from.startsWith('profile.'))
  const pageBounds = { ...bounds, rowsMax: pageRowsMax, bytesMax: pageBytesMax }
  async function readPage(page: Page): Promise<StoredEvent[]> {
    const parameters = { ...drawing, ...joined, ...page }
    const rows = await store.query<Row>(
      eventsSql(joined !== null, readsProfiles),
      parameters,
      pageBounds,
    )
    const profiles = readsProfiles
      ? profilesBySession(await store.query<ProfileRow>(profilesOfPageSql, parameters, pageBounds))
      : null
    const tellings =
      learning.learns === 'trait'
        ? await readTellings(store, pageSql, learning, parameters, pageBounds)
        : null
    return rows.map(({ session, ...row }) => {
      const told = tellings?.(row.visitor)
      return {
        ...row,
        ...(told && { told }),
        profile: profiles && (profiles.get(sessionKey(row.visitor, session)) ?? newcomer),
        ...{ timestamp: Number(row.timestamp), receivedAt: Number(row.receivedAt) },
        ...{ bot: Boolean(row.bot), saidAt: Number(row.saidAt) },
        teaches: Boolean(row.teaches) && told !== null,
      }
    })
  }
  const pages = readPages(drawnPages(events, eventsMax, eventsPerPage), readPage)
  return { visitors, events, pages }
}

type Row = Omit<StoredEvent, 'profile'> & { readonly session: string }

function profilesBySession(rows: readonly ProfileRow[]) {
  return new Map(rows.map((row) => [sessionKey(row.visitor, `s${row.asOf}`), valuesOf(row)]))
}

function sessionKey(visitor: string, session: string): string {
  return JSON.stringify([visitor, session])
}
