import { DurableObject } from 'cloudflare:workers'
import type { LeaseAnswer } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { budgetKey } from '#shared/offers/budget.ts'
import { offerCodeKey } from '#shared/offers/code.ts'
import type { Reservation, ReservationOutcome, WantedIssue } from '#shared/offers/reservation.ts'
import { backoffMs } from '../backoff.ts'
import { environment } from '../environment.ts'
import { log, reasonOf } from '../log.ts'
import type { VisitorName } from '../visitors/erase.ts'
import { askLease } from './ask-lease.ts'
import { type KeptReservation, OffersCore, refused, type SiteBudget } from './core.ts'

/** Why there is nothing to give, and until when the hub is not asked again. */
interface Quiet {
  readonly outcome: ReservationOutcome
  readonly untilMs: number
}

/** A question to the hub that is under way, since when. */
interface Asking {
  readonly answer: Promise<ReservationOutcome | null>
  readonly sinceMs: number
}

/** A budget that is spent may be raised, or get something back. */
const spentMs = 5_000
const backoff = { minMs: 500, maxMs: 30_000 } as const
/** How long visitors wait for one answer of the hub, and for all that one question wants. */
const waitMsMax = 1_000
const triesMax = 200
/** The hub is told of what was handed out so long after, where nothing else is said to it. */
const tellAfterMs = Math.max(10_000, environment.config.forwardDelayMs)
const budgetsPerAlarmMax = 100
/** After so long with a hub that does not answer the others wait for the next alarm. */
const alarmMsMax = 20_000
const forgetEveryMs = 24 * 3_600_000

/** The owner of a site's leases at this POP: a shell that asks the hub for what the core has not. */
export class Offers extends DurableObject {
  readonly #core: OffersCore
  readonly #asking = new Map<string, Asking>()
  readonly #exchanging = new Map<string, Promise<unknown>>()
  readonly #quiet = new Map<string, Quiet>()
  #failures = 0
  #forgetAt = 0
  #alarmAt: number | null = null

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never)
    this.#core = new OffersCore(ctx.storage as never, environment.newId)
  }

  /** One issue of the first offer that has one for this visitor, and why those before it have none. */
  async reserve(name: VisitorName, wanted: readonly WantedIssue[]): Promise<Reservation[]> {
    const found: Reservation[] = []
    const until = environment.now() + waitMsMax
    for (const each of wanted) {
      const reservation = await this.#reserve(name, each, until)
      found.push(reservation)
      if (reservation.outcome === 'reserved') break
    }
    return found
  }

  describe(name: VisitorName): KeptReservation[] {
    return this.#core.describe(name)
  }

  erase(name: VisitorName): number {
    return this.#core.erase(name)
  }

  /** Tells the hub what was handed out, and gives back what was not in its time. It never throws: it arms itself again. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null
    const now = environment.now()
    for (const { isReturning, ...budget } of this.#core.due(now, budgetsPerAlarmMax)) {
      if (environment.now() - now > alarmMsMax) break
      // What goes back is gone from here: nothing does while the hub is away, and the lease goes on.
      const isHeard = await this.#exchange(budget, false)
      if (!isHeard || !isReturning) continue
      const wasUsed = this.#core.closeDue(budget, environment.now())
      await this.#exchange(budget, wasUsed)
    }
    const times = [
      this.#core.nextReturn(),
      this.#forget(now),
      this.#core.due(now, 1).length > 0
        ? now + Math.max(tellAfterMs, backoffMs(this.#failures, backoff, environment.random()))
        : null,
    ].filter((at) => at !== null)
    if (times.length > 0) this.#arm(Math.max(now + 1_000, Math.min(...times)))
  }

  async #reserve(
    { site, visitor }: VisitorName,
    wanted: WantedIssue,
    until: number,
  ): Promise<Reservation> {
    const { offer, budget } = wanted
    const key = offerCodeKey(environment.config.popSecret, site)
    for (let tries = 0; tries < triesMax; tries++) {
      const now = environment.now()
      const taken = this.#core.take({ site, visitor }, wanted, key, now)
      if (taken !== null) {
        this.#forgetAt = Math.min(this.#forgetAt, now + forgetEveryMs)
        if (taken.isLow) void this.#fill({ site, offer, budget }, until)
        this.#arm(now + tellAfterMs)
        return taken.reservation
      }
      if (now > until) break
      const outcome = await this.#fill({ site, offer, budget }, until)
      if (outcome !== null) return refused(offer, outcome)
    }
    return refused(offer, 'budget_unknown')
  }

  /**
   * Gets a lease; null where one has come. Whoever wants the same budget waits for one answer, and for a hub that is
   * slow nobody does: what it grants in the end is for those who come next.
   */
  #fill(budget: SiteBudget, until: number): Promise<ReservationOutcome | null> {
    const key = budgetKey(budget)
    const now = environment.now()
    const quiet = this.#quiet.get(key)
    if (quiet && now < quiet.untilMs) return Promise.resolve(quiet.outcome)
    const asking = this.#asking.get(key) ?? { answer: this.#ask(budget, key), sinceMs: now }
    this.#asking.set(key, asking)
    return within(asking.answer, Math.min(until, asking.sinceMs + waitMsMax) - now)
  }

  async #ask(budget: SiteBudget, key: string): Promise<ReservationOutcome | null> {
    try {
      const answer = await this.#exchange(budget, true)
      if (answer && answer.lease !== null) {
        this.#quiet.delete(key)
        return null
      }
      const isSpent = answer ? answer.reason === 'budget_spent' : false
      const outcome = isSpent ? 'budget_spent' : 'budget_unknown'
      if (this.#quiet.size >= limits.leasedBudgetsMax) this.#quiet.clear()
      const quietMs = answer ? spentMs : backoffMs(this.#failures, backoff, environment.random())
      this.#quiet.set(key, { outcome, untilMs: environment.now() + quietMs })
      return outcome
    } finally {
      this.#asking.delete(key)
    }
  }

  /** One question to the hub; those of one budget go one after the other. Null where no answer came. */
  async #exchange(budget: SiteBudget, isWanted: boolean): Promise<LeaseAnswer | null> {
    const key = budgetKey(budget)
    const before = this.#exchanging.get(key)
    const turn = (before ?? Promise.resolve()).then(() => this.#say(budget, isWanted))
    this.#exchanging.set(key, turn)
    const answer = await turn
    if (this.#exchanging.get(key) === turn) this.#exchanging.delete(key)
    return answer
  }

  async #say(budget: SiteBudget, isWanted: boolean): Promise<LeaseAnswer | null> {
    try {
      const said = this.#core.question(budget, isWanted)
      const answer = await askLease({ ...budget, ...said }, environment)
      this.#core.answered(budget, said, answer, environment.now())
      this.#failures = 0
      return answer
    } catch (cause) {
      this.#failures++
      log('warn', 'the hub was not heard of a budget', { reason: reasonOf(cause) })
      return null
    }
  }

  /** Forgets visitors of long ago, once in a while; answers when that is due again, or null. */
  #forget(now: number): number | null {
    if (now >= this.#forgetAt) {
      const isEmpty = this.#core.forget(now - limits.visitorRetentionMs) === 0
      this.#forgetAt = isEmpty ? Number.POSITIVE_INFINITY : now + forgetEveryMs
    }
    return Number.isFinite(this.#forgetAt) ? this.#forgetAt : null
  }

  #arm(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return
    this.#alarmAt = at
    void this.ctx.storage.setAlarm(at)
  }
}

/** An answer of the hub, as long as anybody waits for it. */
async function within(answer: Asking['answer'], timeMs: number): Asking['answer'] {
  const { promise: late, resolve } = Promise.withResolvers<ReservationOutcome>()
  const timer = setTimeout(() => resolve('budget_unknown'), Math.max(0, timeMs))
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
