import type { CoreStorage } from './core.ts'
import { duesOfBefore, dueTables } from './dues.ts'
import { linkTables } from './links.ts'
import { profileTables } from './profiles.ts'
import { pushTables } from './pushes.ts'

const tables = [
  `CREATE TABLE IF NOT EXISTS visitors (
     site TEXT NOT NULL, visitor TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
     seen_at INTEGER NOT NULL, session TEXT, recent BLOB,
     PRIMARY KEY (site, visitor)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS outbox (
     position INTEGER PRIMARY KEY, batch TEXT NOT NULL, bytes INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS set_aside (
     position INTEGER PRIMARY KEY, batch TEXT NOT NULL, reason TEXT NOT NULL)`,
  // One row for all visitors, so that it names none of the erased.
  `CREATE TABLE IF NOT EXISTS erased_up_to (
     one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL)`,
]

/** Columns of `visitors` that came after it, in the order in which they came; an object of before gets them empty. */
const laterColumns = { totals: 'TEXT', memory: 'TEXT' } as const

/** Makes the tables of an object, or brings those it has up to date; nothing in them is touched. */
export function prepareTables({ sql }: CoreStorage): void {
  const hasDues =
    sql.exec("SELECT 1 AS one FROM sqlite_master WHERE name = 'dues'").toArray().length > 0
  for (const table of [...tables, ...pushTables, ...linkTables, ...profileTables, ...dueTables])
    sql.exec(table)
  const columns = sql.exec<{ name: string }>('PRAGMA table_info(visitors)').toArray()
  const known = new Set(columns.map(({ name }) => name))
  for (const [name, type] of Object.entries(laterColumns)) {
    if (!known.has(name)) sql.exec(`ALTER TABLE visitors ADD COLUMN ${name} ${type}`)
  }
  if (!hasDues) sql.exec(duesOfBefore)
}
