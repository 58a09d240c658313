import { DurableObject } from 'cloudflare:workers'
import { limits } from '#shared/limits.ts'
import { backoffMs } from '../backoff.ts'
import { environment } from '../environment.ts'
import { log, reasonOf } from '../log.ts'
import type { VisitorRequest, VisitorResult } from './core.ts'
import { VisitorsCore } from './core.ts'
import type { Place, VisitorDescription } from './describe.ts'
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

  /** Forwards in order; only an acknowledgement deletes. It never throws: it arms itself again. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null
    try {
      this.#retrySetAside()
      await this.#forwardAll()
      this.#failures = 0
    } catch (cause) {
      this.#failures++
      log('warn', 'forwarding failed', { failures: this.#failures, reason: reasonOf(cause) })
    }
    await this.#armAgain()
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
      if (slice === null) return
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

  /** Called inside the transaction, so that rows and alarm are committed or rolled back as one. */
  #arm(): void {
    if (this.#alarmAt !== null) return
    this.#setAlarm(
      environment.now() +
        (this.#failures > 0
          ? backoffMs(this.#failures, backoff, environment.random())
          : config.forwardDelayMs),
    )
  }

  /** What was written down without a commit is forgotten by an alarm, too; one that is sooner stays. */
  async #armAtLatest(at: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm()
    if (set === null || set > at) await this.ctx.storage.setAlarm(at)
  }

  async #armAgain(): Promise<void> {
    const now = environment.now()
    if (this.#core.outbox.backlog.batches > 0) {
      this.#setAlarm(now + backoffMs(this.#failures, backoff, environment.random()))
      return
    }
    const oldest = this.#core.forget(now - limits.visitorRetentionMs, now)
    const forgetAt = oldest === null ? null : oldest + limits.visitorRetentionMs + overdueMs
    const next = this.#core.outbox.hasSetAside() ? this.#retryAt : forgetAt
    // An alarm set by a commit meanwhile is sooner and stays.
    if (next !== null && this.#alarmAt === null) await this.ctx.storage.setAlarm(next)
  }

  /** Finds an outbox that nobody will forward: not empty, and its alarm absent or overdue. */
  async #watch(): Promise<void> {
    const alarmAt = await this.ctx.storage.getAlarm()
    const isDue = this.#core.outbox.backlog.batches > 0
    const isLost = alarmAt === null || alarmAt < environment.now() - overdueMs
    if (isDue && isLost) {
      log('warn', 'watchdog found a forgotten outbox', {
        batches: this.#core.outbox.backlog.batches,
      })
      this.#setAlarm(environment.now())
    } else if (isDue) {
      this.#alarmAt = alarmAt
    }
  }

  #setAlarm(at: number): void {
    this.#alarmAt = at
    void this.ctx.storage.setAlarm(at)
  }
}

function keyOf({ site, visitor }: VisitorName): string {
  return JSON.stringify([site, visitor])
}
