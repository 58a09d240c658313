import { DurableObject } from 'cloudflare:workers'
import { limits } from '#shared/limits.ts'
import { backoffMs } from '../backoff.ts'
import { environment } from '../environment.ts'
import { log, reasonOf } from '../log.ts'
import { withinTime } from '../within-time.ts'
import type { VisitorRequest, VisitorResult } from './core.ts'
import { VisitorsCore } from './core.ts'
import type { Place, VisitorDescription } from './describe.ts'
import type { Due, Settled } from './dues.ts'
import type { Erased, VisitorName } from './erase.ts'
import { DeliveryFailed, type ForwardPorts, forward } from './forward.ts'
import type { LinkTable } from './links.ts'
import type { Backlog } from './outbox.ts'
import { type OutboxState, readOutbox, reportOf } from './outbox-state.ts'
import type { ToldProfile } from './profiles.ts'
import { readStreamRequest } from './stream-request.ts'
import { Streams } from './streams.ts'
import type { VisitorView } from './view.ts'

interface Waiting {
  readonly request: VisitorRequest
  readonly answer: (result: VisitorResult) => void
  readonly fail: (cause: unknown) => void
}

const { config, counters } = environment

const forwardPorts: ForwardPorts = {
  hubUrl: config.hubUrl,
  pop: config.popId,
  region: config.region,
  key: environment.popKey,
  now: environment.now,
  newId: environment.newId,
}

const backoff = { minMs: 500, maxMs: 30_000 } as const
/** Past this an alarm that should have fired has been lost. */
const overdueMs = 60_000
/** One alarm forwards at most this many slices, so that it ends well before the platform ends it. */
const slicesMax = 50
/** How many are asked at once, and how many times in one alarm; what is left sets the next. */
const duesMax = 100
const dueRoundsMax = 10
/** An isolate that has no release yet looks for one first; the outbox does not wait for more. */
const dueTimeMaxMs = 15_000
const waitingMax = 5_000

/** The owner of some visitors' state: a thin shell that gathers commits and forwards what they left. */
export class Visitors extends DurableObject {
  readonly #core: VisitorsCore
  readonly #streams = new Streams({
    now: environment.now,
    streamsMax: limits.streamsPerObjectMax,
  })
  #waiting: Waiting[] = []
  #isSyncing = false
  #failures = 0
  /** When the outbox is forwarded next; null where nobody has asked for it. */
  #forwardAt: number | null = null
  /** When the alarm was last set for; null where it has gone off, or that was taken back. */
  #alarmAt: number | null = null
  #retryAt = 0

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never)
    this.#core = new VisitorsCore(ctx.storage as never, {
      outboxBytesMax: config.outboxBytesMax,
      startedAtMs: environment.now(),
    })
    ctx.blockConcurrencyWhile(() => this.#watch())
  }

  /** The sessions as they will be once these events are committed. */
  look(request: VisitorRequest): VisitorView {
    return this.#core.look(request)
  }

  /** Commits; resolves when it is durable. Requests that wait together are committed together. */
  async commit(requests: readonly VisitorRequest[]): Promise<VisitorResult[]> {
    return Promise.all(requests.map((request) => this.#enqueue(request)))
  }

  /**
   * Streams a visitor's decisions, after the event with this number where one is named; 429 where no more fit. By
   * `fetch`: a client that leaves ends the stream, where a stream of an RPC would be an uncaught exception.
   */
  override async fetch(request: Request): Promise<Response> {
    const { name, after, client } = readStreamRequest(request.headers)
    // Refused before anything is written down: whoever only tries leaves nothing.
    if (!this.#streams.hasRoomFor(keyOf(name), client)) return new Response(null, { status: 429 })
    const now = environment.now()
    const missed = this.#core.watch(name, after, now)
    const stream = this.#streams.open(keyOf(name), client, missed)
    await this.#armAtLatest(now + limits.streamResumeMs + overdueMs)
    return stream === null ? new Response(null, { status: 429 }) : new Response(stream)
  }

  /** Writes down devices of a user, or users of a device; whoever is not heard of again is forgotten, as visitors are. */
  async link(name: VisitorName, table: LinkTable, keys: readonly string[]): Promise<void> {
    const now = environment.now()
    this.#core.link(name, table, keys, now)
    await this.#armAtLatest(now + limits.visitorRetentionMs + overdueMs)
  }

  /** Devices of a user, users of a device. */
  linkedWith(name: VisitorName): string[] {
    return this.#core.linkedWith(name)
  }

  unlink(name: VisitorName, erased: string): void {
    this.#core.unlink(name, erased)
  }

  keepProfiles(site: string, told: readonly ToldProfile[]): void {
    this.#core.keepProfiles(site, told)
  }

  backlog(): Backlog {
    return this.#core.outbox.backlog
  }

  /** What waits here for the hub, for `/metrics`. */
  outbox(): OutboxState {
    return readOutbox(this.ctx.storage as never, this.#core.outbox.backlog)
  }

  describe(name: VisitorName, after: Place | null): VisitorDescription {
    return this.#core.describe(name, after)
  }

  /** Erases a visitor, with what it sent before this moment and is still waiting for its commit. */
  erase(name: VisitorName): Erased {
    this.#commitWaiting()
    this.#streams.end(keyOf(name))
    return this.#core.erase(name, environment.now())
  }

  eraseRefusals(name: VisitorName): number {
    this.#commitWaiting()
    return this.#core.eraseRefusals(name)
  }

  /** Decides what is due, then forwards in order; only an acknowledgement deletes. It never throws: it arms itself again. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null
    this.#forwardAt = null
    await this.#decideDue()
    try {
      this.#retrySetAside()
      await this.#forwardAll()
      this.#failures = 0
    } catch (cause) {
      this.#failures++
      log('warn', 'forwarding failed', { failures: this.#failures, reason: reasonOf(cause) })
    }
    this.#armAgain()
  }

  #enqueue(request: VisitorRequest): Promise<VisitorResult> {
    if (this.#waiting.length >= waitingMax) {
      return Promise.resolve({ ok: false, reason: 'outbox_full' })
    }
    const result = new Promise<VisitorResult>((answer, fail) =>
      this.#waiting.push({ request, answer, fail }),
    )
    void this.#commitInTurn()
    return result
  }

  /**
   * Whoever comes to an idle object is committed at once; all who come while that is synced to disk share the
   * next commit. So a quiet object adds no wait, and a busy one syncs once for many.
   */
  async #commitInTurn(): Promise<void> {
    if (this.#isSyncing) return
    this.#isSyncing = true
    try {
      // Requests of one call are all in by the next microtask.
      await null
      while (this.#waiting.length > 0) {
        this.#commitWaiting()
        await this.ctx.storage.sync()
      }
    } catch (cause) {
      // The platform resets an object whose sync failed; until it does nobody waits for a commit that does not come.
      log('error', 'syncing failed', { reason: reasonOf(cause) })
      for (const { fail } of this.#waiting.splice(0)) fail(cause)
    } finally {
      this.#isSyncing = false
    }
  }

  #commitWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#commitTogether(waiting)
  }

  /** Where one of them throws each gets a commit of its own: a bad request takes nobody with it. */
  #commitTogether(waiting: readonly Waiting[]): void {
    try {
      const requests = waiting.map(({ request }) => request)
      const results = this.#core.commit(requests, environment.now(), () => this.#arm())
      for (const [index, { answer }] of waiting.entries()) answer(results[index] as VisitorResult)
      void this.#pushAll(requests, results)
      void this.#wantProfiles(requests, results)
    } catch (cause) {
      this.#alarmAt = null
      this.#forwardAt = null
      if (waiting.length > 1) for (const each of waiting) this.#commitTogether([each])
      else for (const { fail } of waiting) fail(cause)
    }
  }

  /** Has profiles asked for of those whose session began; the answers do not wait for it. */
  async #wantProfiles(
    requests: readonly VisitorRequest[],
    results: readonly VisitorResult[],
  ): Promise<void> {
    const wanted = results.flatMap((result, index) => {
      if (!result.ok || !result.wantsProfile) return []
      return { site: (requests[index] as VisitorRequest).site, wanted: result.wantsProfile }
    })
    for (const [site, all] of Map.groupBy(wanted, (each) => each.site)) {
      try {
        await environment.profilesOf(site).want(
          site,
          all.map((each) => each.wanted),
        )
      } catch (cause) {
        log('warn', 'profiles could not be asked for', { site, reason: reasonOf(cause) })
      }
    }
  }

  /** Tells the streams what was committed, when it is durable: nobody is told of what a crash could take back. */
  async #pushAll(
    requests: readonly VisitorRequest[],
    results: readonly VisitorResult[],
  ): Promise<void> {
    const told = results.flatMap((result, index) =>
      result.ok && result.pushes.length > 0
        ? [{ visitor: keyOf(requests[index] as VisitorRequest), pushes: result.pushes }]
        : [],
    )
    if (told.length === 0) return
    await this.ctx.storage.sync()
    for (const { visitor, pushes } of told) {
      for (const push of pushes) this.#streams.push(visitor, push)
    }
  }

  /** Has the worker decide what is due; it commits what it decides, as it does for every request. */
  async #decideDue(): Promise<void> {
    const { dues } = this.#core
    try {
      for (let round = 0; round < dueRoundsMax; round++) {
        const due = dues.take(environment.now(), duesMax)
        if (due.length === 0) return
        const settled = await decideBy(due)
        dues.settle(due, settled ?? due.map(() => 'again'), environment.now())
        // Whoever does not answer for these is not waited for again before the outbox.
        if (settled === null) return
      }
    } catch (cause) {
      log('error', 'what is due could not be settled', { reason: reasonOf(cause) })
    }
  }

  /** After every start, and then at long intervals: the hub may be another one by now. */
  #retrySetAside(): void {
    const now = environment.now()
    if (now < this.#retryAt) return
    this.#retryAt = now + limits.setAsideRetryMs
    this.#core.outbox.retrySetAside()
  }

  async #forwardAll(): Promise<void> {
    // After a refusal of what they hold the batches go one by one, so that it is clear which it is about.
    let batchesMax: number = limits.deliveryBatchesMax
    for (let count = 0; count < slicesMax; count++) {
      const slice = this.#core.outbox.nextSlice(batchesMax)
      // An alert that is due waits for one answer of the hub at most.
      if (slice === null || (count > 0 && this.#isDue())) return
      try {
        const report = count === 0 ? reportOf(this.outbox(), environment.now()) : undefined
        await forward(slice, forwardPorts, report)
        this.#core.outbox.acknowledge(slice)
        counters.add('shelfedge_forwards_total', 1, ['outcome', 'acknowledged'])
      } catch (cause) {
        const outlook = cause instanceof DeliveryFailed ? cause.outlook : 'again'
        const outcome = outlook === 'final' ? 'refused' : 'failed'
        counters.add('shelfedge_forwards_total', 1, ['outcome', outcome])
        if (outlook === 'again') throw cause
        if (slice.batches.length === 1) {
          const { message } = cause as DeliveryFailed
          // Where no more can be set aside it stays in the outbox, and the visitors get 429 in the end.
          if (outlook !== 'final' || !this.#core.outbox.setAside(slice, message)) throw cause
          log('error', 'the hub does not take a batch; it is set aside', { reason: message })
          counters.add('shelfedge_batches_set_aside_total')
        }
        batchesMax = 1
      }
    }
  }

  #isDue(): boolean {
    return (this.#core.dues.nextAt ?? Number.POSITIVE_INFINITY) <= environment.now()
  }

  /** Called inside the transaction, so that rows and alarm are committed or rolled back as one. */
  #arm(): void {
    const isFailing = this.#failures > 0
    this.#forwardAt ??=
      environment.now() +
      (isFailing ? backoffMs(this.#failures, backoff, environment.random()) : config.forwardDelayMs)
    this.#setAlarm(Math.min(this.#forwardAt, this.#core.dues.nextAt ?? this.#forwardAt))
  }

  /** What was written down without a commit is forgotten by an alarm, too; one that is sooner stays. */
  async #armAtLatest(at: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm()
    if (set === null || set > at) await this.ctx.storage.setAlarm(at)
  }

  /** An object has one alarm: it is for whatever comes first. */
  #armAgain(): void {
    const now = environment.now()
    const isForwarded = this.#core.outbox.backlog.batches === 0
    this.#forwardAt = isForwarded
      ? null
      : now + backoffMs(this.#failures, backoff, environment.random())
    const idleUntil = isForwarded ? this.#tidy(now) : null
    const next = earliest(this.#forwardAt, this.#core.dues.nextAt, idleUntil)
    if (next !== null) this.#setAlarm(next)
  }

  /** Forgets whom nobody has seen for long; answers when there is something to do again, null where there is not. */
  #tidy(now: number): number | null {
    const oldest = this.#core.forget(now - limits.visitorRetentionMs, now)
    if (this.#core.outbox.hasSetAside()) return this.#retryAt
    return oldest === null ? null : oldest + limits.visitorRetentionMs + overdueMs
  }

  /** Finds what nobody would forward or decide: an outbox that is not empty, or what is due, and no alarm for it. */
  async #watch(): Promise<void> {
    const alarmAt = await this.ctx.storage.getAlarm()
    const now = environment.now()
    const { batches } = this.#core.outbox.backlog
    const neededAt = earliest(batches > 0 ? now : null, this.#core.dues.nextAt)
    if (neededAt === null) return
    const isLost = alarmAt === null || alarmAt < now - overdueMs
    if (isLost || alarmAt > Math.max(neededAt, now + overdueMs)) {
      log('warn', 'watchdog set an alarm that was lost', { batches, dueAt: this.#core.dues.nextAt })
      this.#setAlarm(Math.max(now, neededAt))
    } else {
      this.#alarmAt = alarmAt
      if (batches > 0) this.#forwardAt = alarmAt
    }
  }

  #setAlarm(at: number): void {
    if (at === this.#alarmAt) return
    this.#alarmAt = at
    void this.ctx.storage.setAlarm(at)
  }
}

/** Null where the worker does not answer, so that none could be decided: what it commits after all moves its own dues. */
async function decideBy(due: readonly Due[]): Promise<readonly Settled[] | null> {
  try {
    const settled = environment.dueDecisions().decide(due) as Promise<Settled[]>
    return await withinTime(settled, dueTimeMaxMs)
  } catch (cause) {
    log('warn', 'the worker does not decide what is due', { reason: reasonOf(cause) })
    counters.add('shelfedge_due_decisions_total', due.length, ['outcome', 'failed'])
    return null
  }
}

function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null)
  return known.length === 0 ? null : Math.min(...known)
}

function keyOf({ site, visitor }: VisitorName): string {
  return JSON.stringify([site, visitor])
}
