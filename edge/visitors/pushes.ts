import { limits } from '#shared/limits.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'

/** A decision as a stream sends it; `number` rises for ever within a visitor, and is the event's id. */
export interface Push {
  readonly number: number
  readonly data: string
}

/** What a stream begins with: what was pushed since, and whether more was than is kept. */
export interface Resumed {
  /** The number after which it goes on, also for whoever is told nothing until it breaks off. */
  readonly from: number
  readonly pushes: readonly Push[]
  readonly hasMissed: boolean
}

export const pushTables = [
  // `watched_until` outlives a stream by a while, so that one that broke off finds what it missed. Of what has a number
  // below `dropped_to` some is not kept: it was more than is, or was decided while nobody watched.
  `CREATE TABLE IF NOT EXISTS watched (
     site TEXT NOT NULL, visitor TEXT NOT NULL, watched_until INTEGER NOT NULL, dropped_to INTEGER NOT NULL,
     PRIMARY KEY (site, visitor)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS pushes (
     site TEXT NOT NULL, visitor TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL,
     PRIMARY KEY (site, visitor, number)) WITHOUT ROWID`,
]

/** A visitor is watched from now on; answers what was pushed after the event with this number, null for a new stream. */
export function watch(
  { sql }: CoreStorage,
  { site, visitor }: VisitorName,
  after: number | null,
  nowMs: number,
): Resumed {
  sql.exec(
    `INSERT INTO watched VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET watched_until = ?3,
       dropped_to = CASE WHEN watched_until <= ?4 THEN ?4 ELSE dropped_to END`,
    site,
    visitor,
    nowMs + limits.streamResumeMs,
    // What is pushed at this very moment has its number.
    nowMs - 1,
  )
  const [row] = sql
    .exec<{ droppedTo: number; last: number | null }>(
      `SELECT dropped_to AS droppedTo,
         (SELECT max(number) FROM pushes WHERE site = ?1 AND visitor = ?2) AS last
       FROM watched WHERE site = ?1 AND visitor = ?2`,
      site,
      visitor,
    )
    .toArray()
  const { droppedTo = 0, last = null } = row ?? {}
  if (after === null) {
    return { from: Math.max(nowMs - 1, last ?? 0), pushes: [], hasMissed: false }
  }
  const pushes = sql
    .exec<{ number: number; data: string }>(
      'SELECT number, data FROM pushes WHERE site = ? AND visitor = ? AND number > ? ORDER BY number',
      site,
      visitor,
      after,
    )
    .toArray()
  // Also past what is told again: an id that fell back behind what is dropped would be told to have missed it once more.
  const from = Math.max(after, droppedTo, pushes.at(-1)?.number ?? 0)
  return { from, pushes, hasMissed: after < droppedTo }
}

/**
 * Inside a transaction: keeps a decision for the streams of its visitor; null where nobody watches, and then what would be
 * told is not made either.
 */
export function keepPush(
  { sql }: CoreStorage,
  { site, visitor }: VisitorName,
  tell: () => string,
  nowMs: number,
): Push | null {
  const [row] = sql
    .exec<{ last: number | null }>(
      `SELECT (SELECT max(number) FROM pushes WHERE site = ?1 AND visitor = ?2) AS last
       FROM watched WHERE site = ?1 AND visitor = ?2 AND watched_until > ?3`,
      site,
      visitor,
      nowMs,
    )
    .toArray()
  if (!row) return null
  // By the clock, so that a visitor who was forgotten meanwhile gets no number a second time.
  const number = Math.max(nowMs, (row.last ?? 0) + 1)
  const data = tell()
  sql.exec('INSERT INTO pushes VALUES (?, ?, ?, ?)', site, visitor, number, data)
  const dropped = sql
    .exec<{ number: number }>(
      `DELETE FROM pushes WHERE site = ?1 AND visitor = ?2 AND number NOT IN (
         SELECT number FROM (
           SELECT number, row_number() OVER newest AS place, sum(length(CAST(data AS BLOB))) OVER newest AS bytes
           FROM pushes WHERE site = ?1 AND visitor = ?2 WINDOW newest AS (ORDER BY number DESC))
         WHERE place = 1 OR (place <= ?3 AND bytes <= ?4))
       RETURNING number`,
      site,
      visitor,
      limits.streamPushesKeptMax,
      limits.streamPushBytesKeptMax,
    )
    .toArray()
  if (dropped.length > 0) {
    const to = Math.max(...dropped.map((each) => each.number))
    sql.exec(
      'UPDATE watched SET dropped_to = max(dropped_to, ?) WHERE site = ? AND visitor = ?',
      to,
      site,
      visitor,
    )
  }
  return { number, data }
}

/** Forgets what nobody will ask for any more. */
export function forgetPushes({ sql }: CoreStorage, nowMs: number): void {
  sql.exec('DELETE FROM watched WHERE watched_until <= ?', nowMs)
  sql.exec(
    `DELETE FROM pushes WHERE NOT EXISTS (
       SELECT 1 FROM watched WHERE watched.site = pushes.site AND watched.visitor = pushes.visitor)`,
  )
}

export function erasePushes({ sql }: CoreStorage, { site, visitor }: VisitorName): void {
  for (const table of ['watched', 'pushes']) {
    sql.exec(`DELETE FROM ${table} WHERE site = ? AND visitor = ?`, site, visitor)
  }
}
