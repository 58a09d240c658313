import {
  type CanaryEnd,
  type CanaryTerms,
  canaryFault,
  canaryFigures,
  isInCanary,
  placeIn,
  type ReleaseCounts,
} from '#shared/canary.ts'
import type { Fallback } from '#shared/contract.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { log, reasonOf } from '../log.ts'
import { readFromShelf } from './carry.ts'
import { type Held, heldOf, holding, retire } from './held.ts'
import { type LoadedRelease, loadRelease, ReleaseRefused } from './load.ts'
import { type Canary, canaryOf, isOrder, nameOf } from './running-canary.ts'
import type { CanaryPointer, ReleasePointer, ReleaseShelf } from './shelf.ts'

interface Ports {
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  readonly publicKey: () => Promise<CryptoKey>
  readonly pollMs: number
  readonly now: () => number
  readonly stopwatch: () => number
  /** 0 to 1. */
  readonly random: () => number
  /** Told of a canary that was outside its limits. */
  readonly onCanaryEnded: () => void
}

interface Entry {
  held: Held | null
  /** The canary, or the standby: loaded, run once, and live with the next move of the tag. */
  beside: Held | null
  canary: Canary | null
  nextCheckAt: number
  refreshing: Promise<void> | null
  /** A digest that could not be loaded is not tried again until another one comes; nor is an ended canary. */
  refused: string | null
  refusedCanary: string | null
  refusedStandby: string | null
  /** How often what is held was put to another use: a look at the shelf that began before is out of date. */
  moves: number
  /** How a canary was ended here, until the shelf has it. */
  untold: CanaryEnd | null
}

type Later = (work: Promise<void>) => void

/** An answer by one release; some fallbacks say that its model failed. */
interface Answer {
  readonly fallback: string | null
}

/** What the releases of all sites may have in this isolate while a standby is loaded: it only saves time. */
const heldBytesMax = 2 * limits.releaseBytesMax

const failures: ReadonlySet<string> = new Set<Fallback>(['model_failed', 'scorer_typescript'])

/**
 * The releases each site has in this isolate: the live one and one beside it, the canary or a standby; never a
 * third, which would not fit. A request takes one and keeps it to its end.
 */
export class LiveReleases {
  readonly #ports: Ports
  readonly #sites = new Map<string, Entry>()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Runs `work` with the release that answers the visitor, null before the first; it stays loaded until `work` has
   * ended, with null where nothing was decided. Waits only for an isolate's first look at the shelf.
   */
  async use<Result extends Answer | null>(
    site: string,
    visitor: string,
    later: Later,
    work: (release: LoadedRelease | null) => Promise<Result>,
  ): Promise<Result> {
    const entry = await this.#checked(site, later)
    const { canary } = entry
    if (!canary?.held) return entry.held === null ? work(null) : holding(entry.held, work)
    const place = placeIn(canary.digest, visitor)
    const held = isInCanary(canary.terms, place) ? canary.held : entry.held
    if (held === null) return work(null)
    const [atMs, startedAt] = [this.#ports.now(), this.#ports.stopwatch()]
    const count = (hasFailed: boolean) => {
      const latencyMs = this.#ports.stopwatch() - startedAt
      canary.votes.decided(place, { atMs, latencyMs, hasFailed })
    }
    try {
      const answer = await holding(held, work)
      if (answer !== null) count(failures.has(answer.fallback ?? ''))
      return answer
    } catch (cause) {
      // What was refused is the fault of whoever asked.
      if (!(cause instanceof RequestRefused)) count(true)
      throw cause
    } finally {
      this.#endIfFaulty(site, entry, canary, later)
    }
  }

  /** Whether a release that answers here listens to one of these events; waits as `use` does. */
  async hears(site: string, later: Later, events: readonly string[]): Promise<boolean> {
    const { held, canary } = await this.#checked(site, later)
    return [held, canary?.held].some((each) =>
      events.some((event) => each?.release.policy.listeners.has(event)),
    )
  }

  /** Whether a release that answers here reads profiles, as far as this isolate knows: nobody waits for it. */
  readsProfiles(site: string): boolean {
    const { held, canary } = this.#sites.get(site) ?? {}
    return [held, canary?.held].some((each) => each?.release.readsProfiles === true)
  }

  /** Counts what a visitor did for the release that decided on them; only while a canary runs. */
  countOutcomes(site: string, visitor: string, events: readonly ShelfEvent[]): void {
    const canary = this.#sites.get(site)?.canary
    canary?.votes.did(placeIn(canary.digest, visitor), events)
  }

  /** What each site is answered by in this isolate; a site that has not been asked for is not there. */
  digests(): (readonly [site: string, digest: string])[] {
    return [...this.#sites].flatMap(([site, { held }]) =>
      held === null ? [] : [[site, held.release.digest] as const],
    )
  }

  /** What was counted while a canary runs, by site. */
  counts(): (readonly [site: string, canary: ReleaseCounts, live: ReleaseCounts])[] {
    return [...this.#sites].flatMap(([site, { canary }]) =>
      canary === null ? [] : [[site, canary.votes.own, canary.votes.others] as const],
    )
  }

  /**
   * Lets go of what is beside the live one before another is loaded, so that there are never three, and of standbys of
   * other sites where they take too much. False where even then a standby would. A canary keeps what was counted of it.
   */
  async makeRoom(site: string, bytesTotal: number): Promise<boolean> {
    await this.#dropBeside(this.#entry(site))
    for (const entry of this.#sites.values()) {
      if (this.#fits(bytesTotal)) break
      if (entry.canary === null) await this.#dropBeside(entry)
    }
    return this.#fits(bytesTotal)
  }

  /** What is beside the live one where it has this digest: it need not be loaded to be put to another use. */
  ready(site: string, digest: string): LoadedRelease | null {
    const release = this.#sites.get(site)?.beside?.release
    return release?.digest === digest ? release : null
  }

  /**
   * Makes a release live at once in this isolate; the others find it on the shelf. Beside it goes on what was live, as
   * its standby, or else the canary: one that had to make room comes back with the next question.
   */
  async activate(site: string, release: LoadedRelease): Promise<void> {
    const entry = this.#entry(site)
    entry.refused = null
    entry.moves++
    const { held: previous, beside } = entry
    // Promoted, it is a canary no more.
    if (entry.canary?.digest === release.digest) entry.canary = null
    const { canary } = entry
    entry.nextCheckAt = canary && !canary.held ? this.#ports.now() : this.#nextCheckAt()
    entry.held = beside?.release === release ? beside : heldOf(release)
    // Loaded again, the same is of no use beside itself.
    const standby = previous?.release.digest === release.digest ? null : previous
    entry.beside = canary ? canary.held : standby
    for (const each of [previous, beside]) {
      if (each !== entry.held && each !== entry.beside) await retire(each)
    }
  }

  /** Makes a release the canary at once in this isolate; what was counted of this order before goes on. */
  async activateCanary(site: string, release: LoadedRelease, terms: CanaryTerms): Promise<void> {
    const entry = this.#entry(site)
    const { canary: former } = entry
    const held = await this.#putBeside(entry, release)
    const goesOn = isOrder(former, { digest: release.digest, terms })
    entry.canary = goesOn ? { ...former, terms, held } : canaryOf(held, terms)
    entry.refusedCanary = null
  }

  /** Keeps a release ready beside the live one. */
  async keepReady(site: string, release: LoadedRelease): Promise<void> {
    const entry = this.#entry(site)
    await this.#putBeside(entry, release)
    entry.refusedStandby = null
  }

  /** Ends the canary; loaded it stays, for whoever promotes it after all. */
  endCanary(site: string): void {
    const entry = this.#entry(site)
    entry.canary = null
    entry.moves++
  }

  async #putBeside(entry: Entry, release: LoadedRelease): Promise<Held> {
    const previous = entry.beside
    entry.canary = null
    entry.moves++
    if (previous?.release === release) return previous
    const held = heldOf(release)
    entry.beside = held
    await retire(previous)
    return held
  }

  async #dropBeside(entry: Entry): Promise<void> {
    const { beside, canary } = entry
    if (canary) canary.held = null
    entry.beside = null
    await retire(beside)
  }

  #fits(bytesTotal: number): boolean {
    const held = [...this.#sites.values()].flatMap((entry) => [entry.held, entry.beside])
    const sum = held.reduce((total, each) => total + (each?.release.bytesTotal ?? 0), bytesTotal)
    return sum <= heldBytesMax
  }

  #endIfFaulty(site: string, entry: Entry, canary: Canary, later: Later): void {
    if (entry.canary !== canary) return
    const { digest, terms } = canary
    const { own, others } = canary.votes
    const reason = canaryFault(own, others, terms.limits)
    if (reason === null) return
    // Loaded it stays, as one that the hub ends: whoever loads another lets it go first.
    entry.canary = null
    entry.refusedCanary = nameOf(digest, terms)
    const ended: CanaryEnd = {
      ...{ digest, startedAtMs: terms.startedAtMs, at: this.#ports.now(), reason },
      figures: canaryFigures(own, others),
    }
    entry.untold = ended
    log('warn', 'a canary was ended', { site, digest, reason })
    this.#ports.onCanaryEnded()
    later(this.#tellEnd(site, entry))
  }

  /** Tells the shelf how a canary ended, from where the hub hears of it; what fails is told at the next look. */
  async #tellEnd(site: string, entry: Entry): Promise<void> {
    const { untold } = entry
    if (untold === null) return
    try {
      await this.#ports.shelf().endCanary(site, untold)
      if (entry.untold === untold) entry.untold = null
    } catch (cause) {
      log('error', 'the end of a canary was not written down', { site, reason: reasonOf(cause) })
    }
  }

  async #checked(site: string, later: Later): Promise<Entry> {
    const entry = this.#entry(site)
    if (entry.nextCheckAt === 0) {
      const first = this.#refresh(site, entry)
      // Whoever asked may hang up; the others wait for the same look.
      later(first)
      await first
    } else if (this.#ports.now() >= entry.nextCheckAt) later(this.#refresh(site, entry))
    return entry
  }

  #refresh(site: string, entry: Entry): Promise<void> {
    entry.refreshing ??= this.#check(site, entry).finally(() => {
      entry.refreshing = null
      entry.nextCheckAt = this.#nextCheckAt()
    })
    return entry.refreshing
  }

  async #check(site: string, entry: Entry): Promise<void> {
    try {
      await this.#tellEnd(site, entry)
      let { moves } = entry
      const isOvertaken = () => entry.moves !== moves
      const { live, canary, standby } = await this.#ports.shelf().state(site)
      if (isOvertaken()) return
      if (live && live.digest !== entry.held?.release.digest && live.digest !== entry.refused) {
        if (!(await this.#takeLive(site, entry, live, isOvertaken))) return
        moves = entry.moves
      }
      if (canary === null) {
        entry.canary = null
        await this.#takeStandby(site, entry, standby, isOvertaken)
      } else if (!entry.canary?.held || !isOrder(entry.canary, canary)) {
        await this.#takeCanary(site, entry, canary, isOvertaken)
      }
    } catch (cause) {
      log('error', 'the shelf could not be read', { site, reason: reasonOf(cause) })
    }
  }

  /** False where something else was put to use meanwhile. */
  async #takeLive(
    site: string,
    entry: Entry,
    pointer: ReleasePointer,
    isOvertaken: () => boolean,
  ): Promise<boolean> {
    const release = await this.#readyOrLoaded(site, pointer, isOvertaken, () => {
      entry.refused = pointer.digest
    })
    if (release) await this.activate(site, release)
    return release !== null || !isOvertaken()
  }

  async #takeCanary(
    site: string,
    entry: Entry,
    pointer: CanaryPointer,
    isOvertaken: () => boolean,
  ): Promise<void> {
    const name = nameOf(pointer.digest, pointer.terms)
    if (name === entry.refusedCanary) return
    const release = await this.#readyOrLoaded(site, pointer, isOvertaken, () => {
      entry.refusedCanary = name
    })
    if (release) await this.activateCanary(site, release, pointer.terms)
  }

  /** Other standbys stay where they are: two that push each other out would be loaded again at each look. */
  async #takeStandby(
    site: string,
    entry: Entry,
    pointer: ReleasePointer | null,
    isOvertaken: () => boolean,
  ): Promise<void> {
    if (pointer?.digest === entry.beside?.release.digest) return
    await this.#dropBeside(entry)
    if (pointer === null || pointer.digest === entry.refusedStandby) return
    const refuse = () => {
      entry.refusedStandby = pointer.digest
    }
    const release = await this.#load(site, pointer, isOvertaken, refuse, (bytesTotal) => {
      const fits = this.#fits(bytesTotal)
      if (!fits) refuse()
      return fits
    })
    if (release) await this.keepReady(site, release)
  }

  async #readyOrLoaded(
    site: string,
    pointer: ReleasePointer,
    isOvertaken: () => boolean,
    onBad: () => void,
  ): Promise<LoadedRelease | null> {
    return this.ready(site, pointer.digest) ?? (await this.#load(site, pointer, isOvertaken, onBad))
  }

  /**
   * Null where it cannot be loaded, and the last good release stays; or where something else was put to use
   * meanwhile. Only one that is bad is not asked for again.
   */
  async #load(
    site: string,
    pointer: ReleasePointer,
    isOvertaken: () => boolean,
    onBad: () => void,
    hasRoom?: (bytesTotal: number) => boolean,
  ): Promise<LoadedRelease | null> {
    try {
      const bytes = await readFromShelf(this.#ports.shelf(), site, pointer.digest)
      if (bytes === null || hasRoom?.(bytes.length) === false) return null
      const key = await this.#ports.publicKey()
      if (isOvertaken()) return null
      if (!hasRoom) await this.makeRoom(site, bytes.length)
      const release = await loadRelease(site, pointer, bytes, key)
      if (!isOvertaken()) return release
      await release.dispose()
      return null
    } catch (cause) {
      if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) onBad()
      log('error', 'a release on the shelf was not taken', { site, reason: reasonOf(cause) })
      return null
    }
  }

  #entry(site: string): Entry {
    const entry = this.#sites.get(site) ?? {
      ...{ held: null, beside: null, canary: null, nextCheckAt: 0, refreshing: null },
      ...{ refused: null, refusedCanary: null, refusedStandby: null, moves: 0, untold: null },
    }
    this.#sites.set(site, entry)
    return entry
  }

  #nextCheckAt(): number {
    // Jitter keeps a fleet of isolates from asking at the same moment.
    return this.#ports.now() + this.#ports.pollMs * (0.75 + this.#ports.random() / 2)
  }
}
