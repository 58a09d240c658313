import { limits } from '#shared/limits.ts'
import type { Profile } from '#shared/profile.ts'
import type { Session } from '#shared/session.ts'
import type { RunningTotals } from '#shared/totals.ts'
import { beginOf } from './batch-text.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'
import { readLinks } from './links.ts'
import { type Memory, readMemory } from './memory.ts'
import { readProfile } from './profiles.ts'
import { RecentIds } from './recent-ids.ts'

/** Batches lie in the outbox, or were set aside because the hub never takes them. */
const places = ['outbox', 'set_aside'] as const

/** The last batch of a page. */
export interface Place {
  readonly place: (typeof places)[number]
  readonly position: number
}

/** All that is kept of a visitor; of the batches as many as fit a page, and the place to go on after. */
export interface VisitorDescription {
  readonly known: boolean
  readonly epoch: number | null
  readonly sequence: number | null
  readonly seenAt: number | null
  readonly session: Session | null
  readonly totals: RunningTotals | null
  readonly memory: Memory
  /** What the store told of it; the last, however old. */
  readonly profile: Profile | null
  readonly idsRemembered: number
  /** Keys of a user's devices. */
  readonly linked: readonly string[]
  /** Keys of a device's users. */
  readonly linkedBy: readonly string[]
  readonly batches: readonly (Place & { readonly batch: string; readonly reason: string | null })[]
  readonly next: Place | null
}

interface Found extends Record<string, number> {
  rank: number
  position: number
  bytes: number
}

const found = `SELECT 0 AS rank, position, length(batch) AS bytes FROM outbox
    WHERE substr(batch, 1, length(?1)) = ?1
  UNION ALL SELECT 1, position, length(batch) FROM set_aside WHERE substr(batch, 1, length(?1)) = ?1`

/** Reads what is kept of a visitor; writes nothing. */
export function describeVisitor(
  storage: CoreStorage,
  { site, visitor }: VisitorName,
  after: Place | null,
): VisitorDescription {
  const { sql } = storage
  const linked = readLinks(storage, 'links', { site, visitor })
  const linkedBy = readLinks(storage, 'linked_by', { site, visitor })
  const [row] = sql
    .exec<{
      epoch: number
      sequence: number
      seenAt: number
      session: string | null
      recent: ArrayBuffer | null
      totals: string | null
      memory: string | null
    }>(
      `SELECT epoch, sequence, seen_at AS seenAt, session, recent, totals, memory FROM visitors
       WHERE site = ? AND visitor = ?`,
      site,
      visitor,
    )
    .toArray()
  const waiting = sql
    .exec<Found>(
      `SELECT * FROM (${found}) WHERE (rank, position) > (?2, ?3) ORDER BY rank, position LIMIT ?4`,
      beginOf(site, visitor),
      after ? places.indexOf(after.place) : -1,
      after?.position ?? 0,
      limits.deliveryBatchesMax + 1,
    )
    .toArray()
  const page = fitting(waiting)
  const last = page.at(-1)
  return {
    known: row !== undefined || linked.length + linkedBy.length > 0,
    epoch: row?.epoch ?? null,
    sequence: row?.sequence ?? null,
    seenAt: row?.seenAt ?? null,
    session: row?.session ? JSON.parse(row.session) : null,
    totals: row?.totals ? JSON.parse(row.totals) : null,
    memory: readMemory(row?.memory ?? null),
    profile: readProfile(storage, { site, visitor }),
    idsRemembered: new RecentIds(row?.recent ?? null, limits.recentIdsMax).size,
    linked,
    linkedBy,
    batches: page.map((batch) => ({ ...placeOf(batch), ...readBatch(sql, batch) })),
    next: last && page.length < waiting.length ? placeOf(last) : null,
  }
}

/** What one answer may hold: the bounds of a delivery; a batch that is larger alone comes alone. */
function fitting(waiting: readonly Found[]): Found[] {
  let total = 0
  return waiting.slice(0, limits.deliveryBatchesMax).filter(({ bytes }, index) => {
    total += bytes
    return index === 0 || total <= limits.deliveryBytesMax
  })
}

function placeOf({ rank, position }: Found): Place {
  return { place: places[rank] as Place['place'], position }
}

function readBatch(sql: CoreStorage['sql'], { rank, position }: Found) {
  const reason = rank === 0 ? 'NULL' : 'reason'
  const [row] = sql
    .exec<{ batch: string; reason: string | null }>(
      `SELECT batch, ${reason} AS reason FROM ${places[rank]} WHERE position = ?`,
      position,
    )
    .toArray()
  return { batch: row?.batch ?? '', reason: row?.reason ?? null }
}
