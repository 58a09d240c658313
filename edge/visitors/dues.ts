import { limits } from '#shared/limits.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'

/** What a placement remembers of a visitor is to be decided on by the clock. */
export interface Due extends VisitorName {
  readonly placement: string
  /** Epoch ms; after each decision on it another one. */
  readonly dueAt: number
}

/** What came of it: when it is due next, null for never; or that it is to be asked again, for it could not be decided. */
export type Settled = { readonly dueAt: number | null } | 'again'

// Only of alerts that are raised: whoever has none has no row. `ask_at` is later than `due_at` where it was to be asked again.
export const dueTables = [
  `CREATE TABLE IF NOT EXISTS dues (
     site TEXT NOT NULL, visitor TEXT NOT NULL, placement TEXT NOT NULL,
     due_at INTEGER NOT NULL, ask_at INTEGER NOT NULL,
     PRIMARY KEY (site, visitor, placement)) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS dues_in_turn ON dues (ask_at)',
]

/**
 * It is asked again after a tenth of the time that it has been due, and no sooner than this: some eighty times a day. Its
 * neighbours do not wait for it.
 */
const askAgainMsMin = 10_000

/** What the clock is to decide, by the time that it is due. */
export class Dues {
  readonly #storage: CoreStorage
  #nextAt: number | null

  constructor(storage: CoreStorage) {
    this.#storage = storage
    this.#nextAt = this.#earliest()
  }

  /** When the earliest is to be asked, epoch ms; null where none is. */
  get nextAt(): number | null {
    return this.#nextAt
  }

  /** Inside the transaction of the memory that asks for it. */
  keep({ site, visitor }: VisitorName, placement: string, dueAt: number | null): void {
    if (dueAt === null) {
      this.#delete('placement = ? AND site = ? AND visitor = ?', placement, site, visitor)
      return
    }
    // One that stays as it is costs no row.
    this.#storage.sql.exec(
      `INSERT INTO dues VALUES (?1, ?2, ?3, ?4, ?4)
       ON CONFLICT DO UPDATE SET due_at = ?4, ask_at = ?4 WHERE due_at <> ?4`,
      ...[site, visitor, placement, dueAt],
    )
    this.recount()
  }

  /** The oldest of what is to be asked by now. */
  take(nowMs: number, dueMax: number): Due[] {
    if (this.#nextAt === null || this.#nextAt > nowMs) return []
    return this.#storage.sql
      .exec<{ site: string; visitor: string; placement: string; dueAt: number }>(
        `SELECT site, visitor, placement, due_at AS dueAt FROM dues
         WHERE ask_at <= ? ORDER BY ask_at LIMIT ?`,
        nowMs,
        dueMax,
      )
      .toArray()
  }

  /** Moves or ends what was asked, where no commit has done so. What cannot be decided for too long is given up. */
  settle({ site, visitor, placement, dueAt }: Due, settled: Settled, nowMs: number): void {
    const isSame = 'site = ? AND visitor = ? AND placement = ? AND due_at = ?'
    const same = [site, visitor, placement, dueAt]
    const overdueMs = nowMs - dueAt
    const isOver = overdueMs > limits.alertUnseenMsMax
    const askAgainAt = nowMs + Math.max(askAgainMsMin, Math.ceil(overdueMs / 10))
    const next =
      settled === 'again'
        ? { dueAt: isOver ? null : dueAt, askAt: askAgainAt }
        : { dueAt: settled.dueAt, askAt: settled.dueAt }
    if (next.dueAt === null) this.#delete(isSame, ...same)
    else {
      this.#storage.sql.exec(
        `UPDATE dues SET due_at = ?, ask_at = ? WHERE ${isSame}`,
        ...[next.dueAt, next.askAt],
        ...same,
      )
      this.recount()
    }
  }

  /** Inside a transaction. */
  erase({ site, visitor }: VisitorName): void {
    this.#delete('site = ? AND visitor = ?', site, visitor)
  }

  /** After rows were changed, or taken back by a transaction. */
  recount(): void {
    this.#nextAt = this.#earliest()
  }

  #delete(where: string, ...bindings: (string | number)[]): void {
    // Where nothing is due nothing has to be looked for.
    if (this.#nextAt === null) return
    this.#storage.sql.exec(`DELETE FROM dues WHERE ${where}`, ...bindings)
    this.recount()
  }

  #earliest(): number | null {
    const [row] = this.#storage.sql
      .exec<{ at: number | null }>('SELECT min(ask_at) AS at FROM dues')
      .toArray()
    return row?.at ?? null
  }
}
