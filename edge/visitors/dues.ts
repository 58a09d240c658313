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

// Only of alerts that are raised: whoever has none has no row. `ask_at` is later than `due_at` where it was to be asked
// again, and `failing_since` says since when it could not be decided.
export const dueTables = [
  `CREATE TABLE IF NOT EXISTS dues (
     site TEXT NOT NULL, visitor TEXT NOT NULL, placement TEXT NOT NULL,
     due_at INTEGER NOT NULL, ask_at INTEGER NOT NULL, failing_since INTEGER,
     PRIMARY KEY (site, visitor, placement)) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS dues_in_turn ON dues (ask_at)',
]

/**
 * For an object of before there was the table, once: alerts that are raised and nobody has acknowledged are asked
 * about at once, and whoever decides says when they are due.
 */
export const duesOfBefore = `INSERT INTO dues
   SELECT site, visitor, placement, 0, 0, NULL FROM (
     SELECT site, visitor, key AS placement, memory,
       CASE json_type(memory, fullkey || '.kind') WHEN 'object' THEN fullkey || '.kind' ELSE fullkey END AS kept
     FROM visitors, json_each(CASE WHEN instr(memory, '"notifiedAt"') > 0 AND json_valid(memory) THEN memory END))
   WHERE memory ->> (kept || '.level') > 0 AND memory ->> (kept || '.notifiedAt') IS NOT NULL
     AND memory ->> (kept || '.acknowledgedAt') IS NULL`

/**
 * It is asked again after a tenth of the time that it could not be decided, and no sooner than this: some eighty times a day. Its
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
      `INSERT INTO dues VALUES (?1, ?2, ?3, ?4, ?4, NULL)
       ON CONFLICT DO UPDATE SET due_at = ?4, ask_at = ?4, failing_since = NULL WHERE due_at <> ?4`,
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

  /**
   * Moves or ends what was asked, where no commit has done so; all of it or, where it throws, nothing. What cannot be
   * decided for too long is given up.
   */
  settle(dues: readonly Due[], settled: readonly Settled[], nowMs: number): void {
    try {
      this.#storage.transactionSync(() => {
        for (const [index, due] of dues.entries())
          this.#settleOne(due, settled[index] as Settled, nowMs)
      })
    } finally {
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

  #settleOne({ site, visitor, placement, dueAt }: Due, settled: Settled, nowMs: number): void {
    const { sql } = this.#storage
    const isSame = 'site = ?1 AND visitor = ?2 AND placement = ?3 AND due_at = ?4'
    const same = [site, visitor, placement, dueAt]
    if (settled === 'again') {
      sql.exec(
        `DELETE FROM dues WHERE ${isSame} AND ?5 - failing_since > ?6`,
        ...[...same, nowMs, limits.alertUnseenMsMax],
      )
      sql.exec(
        `UPDATE dues SET failing_since = coalesce(failing_since, ?5),
           ask_at = ?5 + max(?6, (?5 - coalesce(failing_since, ?5)) / 10) WHERE ${isSame}`,
        ...[...same, nowMs, askAgainMsMin],
      )
    } else if (settled.dueAt === null) sql.exec(`DELETE FROM dues WHERE ${isSame}`, ...same)
    else {
      // Whoever decides may have a clock that is behind: it is not asked over and over until that has come so far.
      const askAt = Math.max(settled.dueAt, nowMs + limits.alertClockMsMin)
      sql.exec(
        `UPDATE dues SET due_at = ?5, ask_at = ?6, failing_since = NULL WHERE ${isSame}`,
        ...[...same, settled.dueAt, askAt],
      )
    }
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
