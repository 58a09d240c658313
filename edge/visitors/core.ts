import type { EventRecord, ShelfRecord } from '#shared/contract.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import type { Profile } from '#shared/profile.ts'
import type { Placed } from '#shared/session.ts'
import { toldOf } from '#shared/told.ts'
import { takeEvent, type VisitorState } from '#shared/visitor-state.ts'
import { describeVisitor, type Place, type VisitorDescription } from './describe.ts'
import { Dues } from './dues.ts'
import { type Erased, eraseRefusals, eraseVisitor, type VisitorName } from './erase.ts'
import {
  eraseLink,
  eraseLinks,
  forgetLinks,
  type LinkTable,
  readLinks,
  writeLinks,
} from './links.ts'
import { changedMemory, type MemoryChange, memoryOf, readMemory } from './memory.ts'
import { Outbox } from './outbox.ts'
import {
  eraseProfile,
  forgetProfiles,
  keepProfile,
  readProfile,
  type ToldProfile,
  type WantedProfile,
} from './profiles.ts'
import { erasePushes, forgetPushes, keepPush, type Push, type Resumed, watch } from './pushes.ts'
import { RecentIds } from './recent-ids.ts'
import { prepareTables } from './schema.ts'
import { splitRecords } from './split-records.ts'
import { type KeptVisitor, readState, type VisitorView, versionOf, viewOf } from './view.ts'

type SqlValue = string | number | null | ArrayBuffer

/** The part of a Durable Object's storage that the core needs: SQLite by any other name. */
export interface CoreStorage {
  readonly sql: {
    exec<Row extends Record<string, SqlValue>>(
      query: string,
      ...bindings: SqlValue[]
    ): { toArray(): Row[] }
  }
  transactionSync<Result>(run: () => Result): Result
}

/** What one request brings for one visitor. */
export interface VisitorRequest {
  readonly site: string
  readonly visitor: string
  /** The POP's clock when the request arrived, epoch ms: the moment that totals are told of. */
  readonly receivedAt: number
  readonly sessionIdleMsMax: number
  readonly events: readonly ShelfEvent[]
  /** Records that ride along: a decision, refusals. */
  readonly records: readonly ShelfRecord[]
  /** What the decisions among them want remembered, each of a placement of its own. */
  readonly memories?: readonly MemoryChange[]
  /** A model of the site reads profiles: one is wanted when a session begins, and told with a look. */
  readonly readsProfile?: boolean
  /** Decides on the last of the events: where that is no new one, nothing of the request is kept. */
  readonly decidesOnLast?: boolean
  /** Decides from what was kept of the visitor at this version, with all events new: from nothing else is it right. */
  readonly seen?: string | undefined
  /** Whoever asks goes on from what is kept after this. */
  readonly wantsKept?: boolean
}

export type VisitorResult =
  | {
      readonly ok: true
      readonly accepted: number
      readonly duplicates: number
      /** Decisions for the visitor's streams; none where nobody watches. */
      readonly pushes: readonly Push[]
      /** What one of these decisions saw has changed since, or what it is on was decided on: nothing of the request is kept. */
      readonly isOvertaken?: true
      /** Where it was wanted. */
      readonly kept?: KeptVisitor
      /** A session began, and what the store knows of the visitor is wanted. */
      readonly wantsProfile?: WantedProfile
    }
  | { readonly ok: false; readonly reason: 'outbox_full' }

interface VisitorRow extends Record<string, SqlValue> {
  epoch: number
  sequence: number
  session: string | null
  recent: ArrayBuffer | null
  totals: string | null
  memory: string | null
}

/**
 * The memory of a set of visitors: recent event ids, sessions, totals, and the outbox of what the hub has not
 * acknowledged. Platform-free: it runs on a Durable Object's storage, on Node's SQLite and in memory.
 */
export class VisitorsCore {
  /** What the hub has not acknowledged. */
  readonly outbox: Outbox
  /** What the clock is to decide. */
  readonly dues: Dues
  readonly #storage: CoreStorage
  readonly #startedAtMs: number
  #erasedUpTo: number

  constructor(
    storage: CoreStorage,
    options: { readonly outboxBytesMax: number; readonly startedAtMs: number },
  ) {
    this.#storage = storage
    this.#startedAtMs = options.startedAtMs
    prepareTables(storage)
    this.outbox = new Outbox(storage, options.outboxBytesMax)
    this.dues = new Dues(storage)
    const [erased] = storage.sql.exec<{ epoch: number }>('SELECT epoch FROM erased_up_to').toArray()
    this.#erasedUpTo = erased?.epoch ?? 0
  }

  /** Session and totals as they will be once `events` are committed; writes nothing. */
  look(request: VisitorRequest): VisitorView {
    const row = this.#read(request)
    const { records, ...state } = admit(request, row)
    const memory = row?.memory ?? null
    const isLastNew = isLastOf(records, request)
    const linked = request.visitor.startsWith('u:')
      ? readLinks(this.#storage, 'links', request)
      : []
    const profile = this.#profileOf(request)
    return { ...viewOf(state, { memory, profile }, request.receivedAt), isLastNew, linked }
  }

  /**
   * Commits requests that waited together in one transaction: dedupe, session, outbox, what is due, and `arm` where
   * there is something to forward. A request past the outbox's bound is answered so and writes nothing.
   */
  commit(requests: readonly VisitorRequest[], nowMs: number, arm: () => void): VisitorResult[] {
    try {
      return this.#storage.transactionSync(() => {
        const results = requests.map((request) => this.#commitOne(request, nowMs))
        if (this.outbox.backlog.batches > 0) arm()
        return results
      })
    } catch (cause) {
      // The transaction took its rows back; what is known of them in memory has to follow.
      this.outbox.recount()
      this.dues.recount()
      throw cause
    }
  }

  /** Forgets visitors not seen since `beforeMs`, and what streams no longer ask for; returns when the next one will be due, or null. */
  forget(beforeMs: number, nowMs: number): number | null {
    forgetPushes(this.#storage, nowMs)
    forgetProfiles(this.#storage, nowMs - limits.profileAgeMsMax)
    this.#storage.sql.exec('DELETE FROM visitors WHERE seen_at < ?', beforeMs)
    const [oldest] = this.#storage.sql
      .exec<{ seenAt: number | null }>('SELECT min(seen_at) AS seenAt FROM visitors')
      .toArray()
    const oldestLinkAt = forgetLinks(this.#storage, beforeMs)
    const ages = [oldest?.seenAt ?? null, oldestLinkAt].filter((at) => at !== null)
    return ages.length === 0 ? null : Math.min(...ages)
  }

  /** Writes down that these keys are devices of a user, or users of a device. Once or twice is the same. */
  link(name: VisitorName, table: LinkTable, keys: readonly string[], nowMs: number): void {
    this.#storage.transactionSync(() => writeLinks(this.#storage, table, name, keys, nowMs))
  }

  /** Devices of a user, users of a device. */
  linkedWith(name: VisitorName): string[] {
    const devices = readLinks(this.#storage, 'links', name)
    return [...new Set([...devices, ...readLinks(this.#storage, 'linked_by', name)])]
  }

  /** Whom a visitor is linked with is being erased. */
  unlink(name: VisitorName, erased: string): void {
    this.#storage.transactionSync(() => eraseLink(this.#storage, name, erased))
  }

  /** Keeps what the hub told of visitors, but for those who are not who they were. */
  keepProfiles(site: string, told: readonly ToldProfile[]): void {
    this.#storage.transactionSync(() => {
      for (const each of told) keepProfile(this.#storage, site, each)
    })
  }

  /** A stream of this visitor begins, or goes on after an event; answers what it missed. */
  watch(name: VisitorName, after: number | null, nowMs: number): Resumed {
    return this.#storage.transactionSync(() => watch(this.#storage, name, after, nowMs))
  }

  /** All that is kept of a visitor; writes nothing. */
  describe(name: VisitorName, after: Place | null): VisitorDescription {
    return describeVisitor(this.#storage, name, after)
  }

  /**
   * Erases a visitor: row, outbox, what was set aside. Whoever comes again under the key begins anew, in an
   * epoch after every one that was erased, so that the hub can tell the two lives apart.
   */
  erase(name: VisitorName, nowMs: number): Erased {
    const epochMin = Math.max(nowMs, this.#erasedUpTo)
    const erased = this.#storage.transactionSync(() => {
      const result = eraseVisitor(this.#storage, name, epochMin)
      erasePushes(this.#storage, name)
      eraseProfile(this.#storage, name)
      this.dues.erase(name)
      const links = eraseLinks(this.#storage, name)
      this.#storage.sql.exec('INSERT OR REPLACE INTO erased_up_to VALUES (1, ?)', result.epoch)
      const known = result.found.known || links > 0
      return { ...result, found: { ...result.found, known } }
    })
    this.#erasedUpTo = erased.epoch
    this.outbox.recount()
    return erased
  }

  /** Erases the refusals that name a visitor; answers how many. */
  eraseRefusals(name: VisitorName): number {
    const erased = this.#storage.transactionSync(() => eraseRefusals(this.#storage, name))
    this.outbox.recount()
    return erased
  }

  #commitOne(request: VisitorRequest, nowMs: number): VisitorResult {
    if (this.outbox.isFull) return { ok: false, reason: 'outbox_full' }
    const row = this.#read(request)
    const admitted = admit(request, row)
    const duplicates = request.events.length - admitted.records.length
    const memory = row?.memory ?? null
    const changes = request.memories ?? []
    // Most commits neither saw one nor tell of one.
    const profile =
      request.seen !== undefined || request.wantsKept ? this.#profileOf(request) : null
    const isOther =
      request.seen !== undefined && (request.seen !== versionOf(row, profile) || duplicates > 0)
    const isSettled = request.decidesOnLast === true && !isLastOf(admitted.records, request)
    if (isOther || isSettled || !saw(changes, memory)) {
      return { ok: true, accepted: 0, duplicates: 0, pushes: [], isOvertaken: true }
    }
    const records = [...admitted.records, ...request.records]
    let wantsProfile: WantedProfile | undefined
    let kept: KeptVisitor | undefined
    if (records.length > 0) {
      // Later than any before it, also on a storage that was put back to an older state: a sequence that is
      // given out a second time is then another batch, and comes after the first.
      const epoch = row ? Math.max(row.epoch, this.#startedAtMs) : this.#firstEpoch(nowMs)
      let sequence = row?.sequence ?? 0
      for (const list of splitRecords(records)) {
        sequence++
        this.outbox.append({ site: request.site, visitor: request.visitor, epoch, sequence }, list)
      }
      const { session, totals } = admitted
      kept = {
        version: versionOf({ epoch, sequence }, profile),
        session: session && JSON.stringify(session),
        totals: totals && JSON.stringify(totals),
        memory: changes.reduce(
          (text: string | null, change) => changedMemory(readMemory(text), change),
          memory,
        ),
        profile,
      }
      this.#write(request, { epoch, sequence, seenAt: nowMs, recent: admitted.recent, ...kept })
      for (const { placement, dueAt } of changes) {
        if (dueAt !== undefined) this.dues.keep(request, placement, dueAt)
      }
      if (request.readsProfile && admitted.began !== null) {
        wantsProfile = { visitor: request.visitor, epoch, asOf: admitted.began }
      }
    }
    const pushes = request.records.flatMap((record) => {
      if (record.kind !== 'decision') return []
      return keepPush(this.#storage, request, () => JSON.stringify(toldOf(record)), nowMs) ?? []
    })
    const counts = { accepted: admitted.records.length, duplicates }
    return {
      ...{ ok: true, ...counts, pushes },
      ...(wantsProfile && { wantsProfile }),
      ...(request.wantsKept && kept && { kept }),
    }
  }

  #profileOf(request: VisitorRequest): Profile | null {
    return request.readsProfile ? readProfile(this.#storage, request) : null
  }

  #read({ site, visitor }: VisitorRequest): VisitorRow | undefined {
    return this.#storage.sql
      .exec<VisitorRow>(
        `SELECT epoch, sequence, session, recent, totals, memory FROM visitors
         WHERE site = ? AND visitor = ?`,
        site,
        visitor,
      )
      .toArray()[0]
  }

  #write(
    { site, visitor }: VisitorRequest,
    state: Pick<KeptVisitor, 'session' | 'totals' | 'memory'> & {
      readonly epoch: number
      readonly sequence: number
      readonly seenAt: number
      readonly recent: RecentIds
    },
  ): void {
    this.#storage.sql.exec(
      `INSERT OR REPLACE INTO visitors
         (site, visitor, epoch, sequence, seen_at, session, recent, totals, memory)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      site,
      visitor,
      state.epoch,
      state.sequence,
      state.seenAt,
      state.session,
      state.recent.bytes(),
      state.totals,
      state.memory,
    )
  }

  /** After everything that was erased here: the two lives of a visitor share no epoch. */
  #firstEpoch(nowMs: number): number {
    return Math.max(nowMs, this.#erasedUpTo + 1)
  }
}

interface Admitted extends VisitorState {
  readonly recent: RecentIds
  readonly records: readonly EventRecord[]
  /** When the session began that these events began, epoch ms; null where they began none. */
  readonly began: number | null
}

/** Dedupe, then session and totals, for each event in its order: the pure step that `look` and `commit` share. */
function admit(request: VisitorRequest, row: VisitorRow | undefined): Admitted {
  const recent = new RecentIds(row?.recent ?? null, limits.recentIdsMax)
  const records: EventRecord[] = []
  let state = readState(row)
  let began: number | null = null
  for (const event of request.events) {
    if (!recent.add(event.messageId)) continue
    const step = takeEvent(state, event, request.sessionIdleMsMax)
    const { session } = step.state
    if (session && session.id !== state.session?.id) began = session.startedAt
    state = step.state
    records.push(recordOf(event, step.placed))
  }
  return { ...state, recent, records, began }
}

/** Whether the last event of a request is new. */
function isLastOf(records: readonly EventRecord[], { events }: VisitorRequest): boolean {
  const last = events.at(-1)?.messageId
  return last !== undefined && records.at(-1)?.messageId === last
}

/** Whether all these changes were made from what is remembered now. */
function saw(changes: readonly MemoryChange[], memory: string | null): boolean {
  if (changes.length === 0) return true
  const now = readMemory(memory)
  return changes.every(({ placement, before }) => memoryOf(now, placement) === before)
}

function recordOf(event: ShelfEvent, placed: Placed) {
  const { items, ...rest } = event
  return { kind: 'event' as const, ...rest, items: [...items], ...placed } satisfies EventRecord
}
