import type { LeaseAnswer, LeaseQuestion } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import type { BudgetName } from '#shared/offers/budget.ts'
import { generatedCode } from '#shared/offers/code.ts'
import type { Reservation, WantedIssue } from '#shared/offers/reservation.ts'
import type { CoreStorage } from '../visitors/core.ts'
import type { VisitorName } from '../visitors/erase.ts'
import { prepareTables } from './schema.ts'

/** The budget of a site that leases are of. */
export interface SiteBudget extends BudgetName {
  readonly site: string
}

/** What a POP says of a budget. */
export type Said = Pick<LeaseQuestion, 'ask' | 'used'>

/** What is reserved, and whether a next lease is due. */
interface Taken {
  readonly reservation: Reservation
  readonly isLow: boolean
}

/** What this POP keeps of a visitor's reservations. */
export interface KeptReservation {
  readonly offer: string
  readonly budget: string
  readonly times: number
  readonly code: string | null
  /** Epoch ms. */
  readonly heldUntil: number
  readonly reservedAt: number
}

type LeaseRow = {
  lease: string
  first: number
  units: number
  used: number
  codes: string | null
}

const ofBudget = 'site = ? AND offer = ? AND budget = ?'

/**
 * What a POP was granted of budgets, and whom it gave what. Every issue is counted in the transaction that gives it
 * to its visitor: a crash gives nothing out twice. Platform-free, as the visitors' core.
 */
export class OffersCore {
  readonly #storage: CoreStorage
  readonly #newId: () => string

  constructor(storage: CoreStorage, newId: () => string) {
    this.#storage = storage
    this.#newId = newId
    prepareTables(storage)
  }

  /** One issue for a visitor: what it holds, or the next of a lease. Null where no lease has one left. */
  take(
    { site, visitor }: VisitorName,
    wanted: WantedIssue,
    key: Uint8Array,
    nowMs: number,
  ): Taken | null {
    return this.#storage.transactionSync(() => {
      const { offer, budget, issuesPerVisitorMax: max } = wanted
      const before = this.describe({ site, visitor }).find(
        (kept) => kept.offer === offer && kept.budget === budget,
      )
      if (before && nowMs < before.heldUntil) {
        return { reservation: reserved(offer, before), isLow: false }
      }
      if (before && max !== null && before.times >= max) {
        return { reservation: refused(offer, 'visitor_cap'), isLow: false }
      }
      const lease = this.#nextLease({ site, offer, budget }, wanted.code === 'list')
      if (!lease) return null
      const code = codeOf(lease, wanted, key)
      const left = this.#hand({ site, offer, budget }, lease)
      const kept = { code, heldUntil: nowMs + wanted.heldMs, times: (before?.times ?? 0) + 1 }
      this.#storage.sql.exec(
        `INSERT OR REPLACE INTO reservations
           (site, visitor, offer, budget, times, code, held_until, reserved_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[site, visitor, offer, budget, kept.times, code, kept.heldUntil, nowMs],
      )
      // The last ones of a budget come one by one, and are not fetched for nobody.
      return {
        reservation: reserved(offer, kept),
        isLow: lease.units > 1 && left * 2 <= lease.units,
      }
    })
  }

  /**
   * What to say to the hub of a budget. A lease is asked for under the name it was asked for before, as long as no
   * answer to that has come.
   */
  question(budget: SiteBudget, isWanted: boolean): Said {
    return this.#storage.transactionSync(() => {
      const leases = this.#leases(budget)
      const asked = leases.find(({ state }) => state === 'asked')
      const used = leases
        .filter(
          ({ state, used: now, told }) => state === 'closed' || (state === 'open' && now > told),
        )
        .map(({ lease, used: units, state }) => ({ lease, units, closed: state === 'closed' }))
        .slice(0, limits.leasesPerBudgetMax)
      const lease = asked?.lease ?? (isWanted ? this.#ask(budget, leases.length) : null)
      return { ask: lease === null ? null : { lease, unitsMax: limits.leaseUnitsMax }, used }
    })
  }

  /** Takes the hub's answer to a question. */
  answered(
    budget: SiteBudget,
    { ask, used }: Said,
    { lease, settled }: LeaseAnswer,
    nowMs: number,
  ): void {
    const { sql } = this.#storage
    const name = [budget.site, budget.offer, budget.budget] as const
    this.#storage.transactionSync(() => {
      for (const { lease: one, units, closed } of used) {
        if (!closed)
          sql.exec(
            `UPDATE leases SET told = ? WHERE ${ofBudget} AND lease = ?`,
            units,
            ...name,
            one,
          )
        else if (settled.includes(one)) {
          sql.exec(
            `DELETE FROM leases WHERE ${ofBudget} AND lease = ? AND state = 'closed'`,
            ...name,
            one,
          )
        }
      }
      if (ask === null) return
      const isAsked = `${ofBudget} AND lease = ? AND state = 'asked'`
      if (lease?.lease !== ask.lease)
        sql.exec(`DELETE FROM leases WHERE ${isAsked}`, ...name, ask.lease)
      else {
        sql.exec(
          `UPDATE leases SET state = 'open', first = ?, units = ?, codes = ?, return_at = ? WHERE ${isAsked}`,
          ...[lease.first, lease.units, lease.codes && JSON.stringify(lease.codes)],
          ...[nowMs + lease.returnAfterMs, ...name, ask.lease],
        )
      }
    })
  }

  /** Closes leases of a budget that are due: what is left of them goes back. True where one had been used. */
  closeDue({ site, offer, budget }: SiteBudget, nowMs: number): boolean {
    const closed = this.#storage.sql
      .exec<{ used: number }>(
        `UPDATE leases SET state = 'closed' WHERE ${ofBudget} AND state = 'open' AND return_at <= ?
         RETURNING used`,
        ...[site, offer, budget, nowMs],
      )
      .toArray()
    return closed.some(({ used }) => used > 0)
  }

  /** Budgets of which the hub has to be told something by now, as many as one alarm tells of. */
  due(nowMs: number, budgetsMax: number): (SiteBudget & { readonly isReturning: boolean })[] {
    return this.#storage.sql
      .exec<{ site: string; offer: string; budget: string; isDue: number }>(
        `SELECT site, offer, budget, max(state = 'open' AND return_at <= ?1) AS isDue FROM leases
         WHERE state <> 'open' OR used > told OR return_at <= ?1
         GROUP BY site, offer, budget LIMIT ?2`,
        nowMs,
        budgetsMax,
      )
      .toArray()
      .map(({ isDue, ...budget }) => ({ ...budget, isReturning: isDue === 1 }))
  }

  /** When the next lease is to be given back, epoch ms; null where there is none. */
  nextReturn(): number | null {
    const [row] = this.#storage.sql
      .exec<{ at: number | null }>("SELECT min(return_at) AS at FROM leases WHERE state = 'open'")
      .toArray()
    return row?.at ?? null
  }

  /** All that is kept of a visitor. */
  describe({ site, visitor }: VisitorName): KeptReservation[] {
    return this.#storage.sql
      .exec<KeptReservation & Record<string, string | number | null>>(
        `SELECT offer, budget, times, code, held_until AS heldUntil, reserved_at AS reservedAt
         FROM reservations WHERE site = ? AND visitor = ?`,
        site,
        visitor,
      )
      .toArray()
  }

  /** Forgets whom something was given; it stays spent. Answers how many reservations there were. */
  erase({ site, visitor }: VisitorName): number {
    return this.#storage.sql
      .exec(
        'DELETE FROM reservations WHERE site = ? AND visitor = ? RETURNING offer',
        site,
        visitor,
      )
      .toArray().length
  }

  /** Forgets reservations of before; answers how many are left. */
  forget(beforeMs: number): number {
    const { sql } = this.#storage
    sql.exec('DELETE FROM reservations WHERE max(reserved_at, held_until) < ?', beforeMs)
    const [row] = sql.exec<{ left: number }>('SELECT count(*) AS left FROM reservations').toArray()
    return row?.left ?? 0
  }

  #ask({ site, offer, budget }: SiteBudget, leasesTotal: number): string | null {
    if (leasesTotal >= limits.leasesPerBudgetMax) return null
    const [row] = this.#storage.sql
      .exec<{ budgets: number }>(
        'SELECT count(DISTINCT offer || char(0) || budget) AS budgets FROM leases',
      )
      .toArray()
    if (leasesTotal === 0 && (row?.budgets ?? 0) >= limits.leasedBudgetsMax) return null
    const lease = this.#newId()
    this.#storage.sql.exec(
      `INSERT INTO leases (site, offer, budget, lease, state, first, units, used, told, return_at)
       VALUES (?, ?, ?, ?, 'asked', 0, 0, 0, 0, 0)`,
      ...[site, offer, budget, lease],
    )
    return lease
  }

  #leases({ site, offer, budget }: SiteBudget) {
    return this.#storage.sql
      .exec<{ lease: string; state: string; used: number; told: number }>(
        `SELECT lease, state, used, told FROM leases WHERE ${ofBudget}`,
        ...[site, offer, budget],
      )
      .toArray()
  }

  #nextLease({ site, offer, budget }: SiteBudget, hasCodes: boolean): LeaseRow | undefined {
    return this.#storage.sql
      .exec<LeaseRow>(
        `SELECT lease, first, units, used, codes FROM leases
         WHERE ${ofBudget} AND state = 'open' AND used < units AND (codes IS NOT NULL) = ?
         ORDER BY return_at, first LIMIT 1`,
        ...[site, offer, budget, hasCodes ? 1 : 0],
      )
      .toArray()[0]
  }

  /** Counts one more of a lease; one that is used up is closed. Answers what all of them have left. */
  #hand({ site, offer, budget }: SiteBudget, { lease, used, units }: LeaseRow): number {
    const name = [site, offer, budget] as const
    this.#storage.sql.exec(
      `UPDATE leases SET used = ?, state = ? WHERE ${ofBudget} AND lease = ?`,
      ...[used + 1, used + 1 === units ? 'closed' : 'open', ...name, lease],
    )
    const [row] = this.#storage.sql
      .exec<{ left: number }>(
        `SELECT coalesce(sum(units - used), 0) AS left FROM leases WHERE ${ofBudget} AND state = 'open'`,
        ...name,
      )
      .toArray()
    return row?.left ?? 0
  }
}

export function refused(offer: string, outcome: Reservation['outcome']): Reservation {
  return { offer, outcome, code: null, heldUntil: null }
}

function reserved(
  offer: string,
  { code, heldUntil }: Pick<KeptReservation, 'code' | 'heldUntil'>,
): Reservation {
  return { offer, outcome: 'reserved', code, heldUntil }
}

function codeOf(
  { codes, first, used }: LeaseRow,
  wanted: WantedIssue,
  key: Uint8Array,
): string | null {
  if (codes !== null) return (JSON.parse(codes) as string[])[used] ?? null
  if (wanted.code !== 'generated') return null
  return generatedCode(key, wanted, first + used, wanted.prefix)
}
