import { limits } from './limits.ts'
import { appendItem, type Session } from './session.ts'
import { type Totals, totalNames } from './totals.ts'

/** What is known of one key at a moment. */
export interface Seen {
  readonly session: Session | null
  readonly totals: Totals
}

/**
 * What several keys did, as if one visitor had done it all. Each event has one key, so nothing counts twice.
 * Sessions with a gap of at most `idleMsMax` between them are one; of others the last is the one that runs.
 */
export function asOnePerson(seen: readonly [Seen, ...Seen[]], idleMsMax: number): Seen {
  const [first, ...others] = seen
  if (others.length === 0) return first
  return {
    session: lastSession(
      seen.flatMap(({ session }) => session ?? []),
      idleMsMax,
    ),
    totals: Object.fromEntries(
      totalNames.map((name) => [name, seen.reduce((sum, { totals }) => sum + totals[name], 0)]),
    ) as Totals,
  }
}

function lastSession(sessions: readonly Session[], idleMsMax: number): Session | null {
  const [first, ...later] = sessions.toSorted(
    (one, other) => one.startedAt - other.startedAt || one.lastAt - other.lastAt,
  )
  if (first === undefined) return null
  return later.reduce(
    (joined, next) =>
      next.startedAt - joined.lastAt > idleMsMax ? next : joinedWith(joined, next),
    first,
  )
}

/** Items of a session have no times of their own: those of the one that was active last come last. */
function joinedWith(one: Session, other: Session): Session {
  const [former, newer] = one.lastAt <= other.lastAt ? [one, other] : [other, one]
  return {
    id: newer.id,
    startedAt: Math.min(one.startedAt, other.startedAt),
    lastAt: newer.lastAt,
    events: one.events + other.events,
    views: one.views + other.views,
    carts: one.carts + other.carts,
    purchases: one.purchases + other.purchases,
    spend: one.spend + other.spend,
    items: newer.items.reduce(appendItem, former.items).slice(-limits.sessionItemsMax),
    bot: one.bot || other.bot,
  }
}
