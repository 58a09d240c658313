import type { CanaryTerms } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'
import { type Clock, OneAtATime } from '#shared/one-at-a-time.ts'
import { Arrival } from './arrival.ts'
import { Held } from './held.ts'
import type { LoadedRelease } from './load.ts'
import { type Canary, canaryOf, isOrder, nameOf } from './running-canary.ts'

/**
 * The releases of a site in this isolate: the live one and one beside it, the canary or a standby; never a third, which
 * would not fit. What is moved aside goes when the last request that decides by it has ended.
 */
export class SiteReleases {
  readonly #clock: Clock
  #live: Held | null = null
  #beside: Held | null = null
  #canary: Canary | null = null
  #moves = 0
  readonly #place = new OneAtATime(limits.releaseArrivalMsMax)
  #arrival: Arrival | null = null
  /** Moved aside, and somebody was deciding by them. */
  readonly #leaving = new Set<Held>()
  /** A digest that could not be loaded is not tried again until another one comes; nor is an ended canary. */
  readonly refused: { live: string | null; canary: string | null; standby: string | null } = {
    ...{ live: null, canary: null, standby: null },
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get live(): Held | null {
    return this.#live
  }

  /** The canary, or the standby: loaded, run once, and live with the next move of the tag. */
  get beside(): Held | null {
    return this.#beside
  }

  get canary(): Canary | null {
    return this.#canary
  }

  /** How often what is here was put to another use: a look at the shelf that began before is out of date. */
  get moves(): number {
    return this.#moves
  }

  /** Of the ZIP files; what is arriving is not in it. */
  get bytesHeld(): number {
    return [this.#live, this.#beside].reduce(
      (sum, held) => sum + (held?.release.bytesTotal ?? 0),
      0,
    )
  }

  get bytesArriving(): number {
    return this.#arrival?.bytesTotal ?? 0
  }

  /** Whether a release is arriving here, and may take its time still. */
  isTaken(): boolean {
    return this.#place.isTaken(this.#clock.now())
  }

  /** What is beside the live one where it has this digest: it need not be loaded to be put to another use. */
  ready(digest: string): LoadedRelease | null {
    const release = this.#beside?.release
    return release?.digest === digest ? release : null
  }

  /**
   * Gives the place beside the live one to a release that arrives, and what was there up. They come one at a time;
   * what `work` has not taken by its end, or by the time that another may come, is let go.
   */
  arrive<Result>(bytesTotal: number, work: (arrival: Arrival) => Promise<Result>): Promise<Result> {
    return this.#place.run(this.#clock, async () => {
      const [overdue, arrival] = [this.#arrival, new Arrival(bytesTotal)]
      this.#arrival = arrival
      try {
        await overdue?.giveUp()
        await this.dropBeside()
        for (const held of this.#leaving) await held.untilGone(this.#clock)
        this.#leaving.clear()
        return await work(arrival)
      } finally {
        await arrival.giveUp()
        if (this.#arrival === arrival) this.#arrival = null
      }
    })
  }

  /** Lets go of what was arriving, or decided by, when its request was cancelled. */
  async dropOverdue(): Promise<void> {
    for (const held of this.#leaving) {
      await held.goIfOverdue(this.#clock.now())
      if (held.isGone) this.#leaving.delete(held)
    }
    const arrival = this.#arrival
    if (arrival === null || this.isTaken()) return
    this.#arrival = null
    await arrival.giveUp()
  }

  /**
   * Makes a release live. Beside it goes on what was live, as its standby, or else the canary, which comes back later
   * where it had to make room.
   */
  async activate(release: LoadedRelease): Promise<void> {
    const [previous, beside] = [this.#live, this.#beside]
    this.#moves++
    this.refused.live = null
    // Promoted, it is a canary no more.
    if (this.#canary?.digest === release.digest) this.#canary = null
    this.#live = beside?.release === release ? beside : new Held(release)
    // Loaded again, the same is of no use beside itself.
    const standby = previous?.release.digest === release.digest ? null : previous
    this.#beside = this.#canary ? this.#canary.held : standby
    for (const each of [previous, beside]) {
      if (each !== this.#live && each !== this.#beside) await this.#retire(each)
    }
  }

  /** Makes a release the canary; what was counted of this order before goes on. */
  async activateCanary(release: LoadedRelease, terms: CanaryTerms): Promise<void> {
    const former = this.#canary
    this.#canary = null
    const [held, previous] = this.#putBeside(release)
    const goesOn = isOrder(former, { digest: release.digest, terms })
    this.#canary = goesOn ? { ...former, terms, held } : canaryOf(held, terms)
    this.refused.canary = null
    await this.#retire(previous)
  }

  /** Keeps a release ready beside the live one. */
  async keepReady(release: LoadedRelease): Promise<void> {
    this.#canary = null
    const [, previous] = this.#putBeside(release)
    this.refused.standby = null
    await this.#retire(previous)
  }

  /** Ends the canary by order; loaded it stays, for whoever promotes it after all. */
  endCanary(): void {
    this.#canary = null
    this.#moves++
  }

  /** Ends a canary that is not to be taken from the shelf again; loaded it stays until another is to be loaded. */
  endFaulty({ digest, terms }: Canary): void {
    this.#canary = null
    this.refused.canary = nameOf(digest, terms)
  }

  /** Forgets the canary where the shelf has none any more. */
  forgetCanary(): void {
    this.#canary = null
  }

  /** Lets go of what is beside the live one; a canary keeps what was counted of it. */
  async dropBeside(): Promise<void> {
    const beside = this.#beside
    if (this.#canary) this.#canary.held = null
    this.#beside = null
    await this.#retire(beside)
  }

  async #retire(held: Held | null): Promise<void> {
    if (held === null) return
    this.#leaving.add(held)
    await held.retire(this.#clock.now())
    if (held.isGone) this.#leaving.delete(held)
  }

  /** What was there goes, where it is another one. */
  #putBeside(release: LoadedRelease): readonly [now: Held, previous: Held | null] {
    const previous = this.#beside
    this.#moves++
    if (previous?.release === release) return [previous, null]
    const held = new Held(release)
    this.#beside = held
    return [held, previous]
  }
}
