import { limits } from '#shared/limits.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'

/** Of a user the keys of the devices it was seen on: the state of each stays with its own owner. */
export const linkTables = [
  `CREATE TABLE IF NOT EXISTS links (
     site TEXT NOT NULL, visitor TEXT NOT NULL, linked TEXT NOT NULL, linked_at INTEGER NOT NULL,
     PRIMARY KEY (site, visitor, linked)) WITHOUT ROWID`,
  // The way back, with the device: whoever erases one finds the users who would go on naming it.
  `CREATE TABLE IF NOT EXISTS linked_by (
     site TEXT NOT NULL, visitor TEXT NOT NULL, linked TEXT NOT NULL, linked_at INTEGER NOT NULL,
     PRIMARY KEY (site, visitor, linked)) WITHOUT ROWID`,
]

/** Of a user its devices, of a device its users. */
export type LinkTable = 'links' | 'linked_by'
const tables: readonly LinkTable[] = ['links', 'linked_by']
const keysMax = { links: limits.linkedKeysMax, linked_by: limits.linkedByMax } as const

/** Inside a transaction: writes down keys, which changes nothing where they are known. */
export function writeLinks(
  { sql }: CoreStorage,
  table: LinkTable,
  { site, visitor }: VisitorName,
  keys: readonly string[],
  nowMs: number,
): void {
  for (const key of keys) {
    sql.exec(
      `INSERT INTO ${table} VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET linked_at = ?4`,
      site,
      visitor,
      key,
      nowMs,
    )
  }
  sql.exec(
    `DELETE FROM ${table} WHERE site = ?1 AND visitor = ?2 AND linked NOT IN (
       SELECT linked FROM ${table} WHERE site = ?1 AND visitor = ?2
       ORDER BY linked_at DESC, linked LIMIT ?3)`,
    site,
    visitor,
    keysMax[table],
  )
}

/** In an order that stays. */
export function readLinks(
  { sql }: CoreStorage,
  table: LinkTable,
  { site, visitor }: VisitorName,
): string[] {
  return sql
    .exec<{ linked: string }>(
      `SELECT linked FROM ${table} WHERE site = ? AND visitor = ? ORDER BY linked`,
      site,
      visitor,
    )
    .toArray()
    .map(({ linked }) => linked)
}

/** Inside a transaction: answers how many there were, either way. */
export function eraseLinks({ sql }: CoreStorage, { site, visitor }: VisitorName): number {
  const erased = tables.flatMap((table) =>
    sql
      .exec(`DELETE FROM ${table} WHERE site = ? AND visitor = ? RETURNING linked`, site, visitor)
      .toArray(),
  )
  return erased.length
}

/** Inside a transaction: a visitor is no longer linked with one that was erased, either way. */
export function eraseLink({ sql }: CoreStorage, name: VisitorName, linked: string): void {
  for (const table of tables) {
    sql.exec(
      `DELETE FROM ${table} WHERE site = ? AND visitor = ? AND linked = ?`,
      name.site,
      name.visitor,
      linked,
    )
  }
}

/** Forgets links not named since `beforeMs`; returns when the oldest that is left was, or null. */
export function forgetLinks({ sql }: CoreStorage, beforeMs: number): number | null {
  for (const table of tables) sql.exec(`DELETE FROM ${table} WHERE linked_at < ?`, beforeMs)
  const oldest = tables.flatMap((table) =>
    sql.exec<{ at: number | null }>(`SELECT min(linked_at) AS at FROM ${table}`).toArray(),
  )
  const ages = oldest.flatMap(({ at }) => at ?? [])
  return ages.length === 0 ? null : Math.min(...ages)
}
