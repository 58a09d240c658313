import { limits } from '#shared/limits.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'

/** Of a user the keys of the devices it was seen on: the state of each stays with its own owner. */
export const linkTables = [
  `CREATE TABLE IF NOT EXISTS links (
     site TEXT NOT NULL, visitor TEXT NOT NULL, linked TEXT NOT NULL, linked_at INTEGER NOT NULL,
     PRIMARY KEY (site, visitor, linked)) WITHOUT ROWID`,
]

/** Inside a transaction: writes down keys of a user, which changes nothing where they are known. */
export function writeLinks(
  { sql }: CoreStorage,
  { site, visitor }: VisitorName,
  keys: readonly string[],
  nowMs: number,
): void {
  for (const key of keys) {
    sql.exec(
      `INSERT INTO links VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET linked_at = ?4`,
      site,
      visitor,
      key,
      nowMs,
    )
  }
  sql.exec(
    `DELETE FROM links WHERE site = ?1 AND visitor = ?2 AND linked NOT IN (
       SELECT linked FROM links WHERE site = ?1 AND visitor = ?2
       ORDER BY linked_at DESC, linked LIMIT ?3)`,
    site,
    visitor,
    limits.linkedKeysMax,
  )
}

/** The keys of a user, in an order that stays. */
export function readLinks({ sql }: CoreStorage, { site, visitor }: VisitorName): string[] {
  return sql
    .exec<{ linked: string }>(
      'SELECT linked FROM links WHERE site = ? AND visitor = ? ORDER BY linked',
      site,
      visitor,
    )
    .toArray()
    .map(({ linked }) => linked)
}

/** Inside a transaction: answers how many there were. */
export function eraseLinks({ sql }: CoreStorage, { site, visitor }: VisitorName): number {
  return sql
    .exec('DELETE FROM links WHERE site = ? AND visitor = ? RETURNING linked', site, visitor)
    .toArray().length
}

/** Forgets links not named since `beforeMs`; returns when the oldest that is left was, or null. */
export function forgetLinks({ sql }: CoreStorage, beforeMs: number): number | null {
  sql.exec('DELETE FROM links WHERE linked_at < ?', beforeMs)
  const [oldest] = sql
    .exec<{ at: number | null }>('SELECT min(linked_at) AS at FROM links')
    .toArray()
  return oldest?.at ?? null
}
