import type { CoreStorage } from '../visitors/core.ts'

const tables = [
  // `asked`: the hub may have granted it, and its answer is not here. `closed`: no more is handed out of it, for ever.
  `CREATE TABLE IF NOT EXISTS leases (
     site TEXT NOT NULL, offer TEXT NOT NULL, budget TEXT NOT NULL, lease TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('asked', 'open', 'closed')),
     first INTEGER NOT NULL, units INTEGER NOT NULL, used INTEGER NOT NULL, told INTEGER NOT NULL,
     codes TEXT, return_at INTEGER NOT NULL,
     PRIMARY KEY (site, offer, budget, lease)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS reservations (
     site TEXT NOT NULL, visitor TEXT NOT NULL, offer TEXT NOT NULL, budget TEXT NOT NULL,
     times INTEGER NOT NULL, code TEXT, held_until INTEGER NOT NULL, reserved_at INTEGER NOT NULL,
     PRIMARY KEY (site, visitor, offer, budget)) WITHOUT ROWID`,
]

/** Makes the tables of an object; nothing in them is touched. */
export function prepareTables({ sql }: CoreStorage): void {
  for (const table of tables) sql.exec(table)
}
