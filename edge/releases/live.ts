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
import { RequestRefused } from '#shared/request-refused.ts'
import { log } from '../log.ts'
import type { Arrival } from './arrival.ts'
import { type Later, ShelfFollower, type ShelfPorts } from './follow-shelf.ts'
import type { LoadedRelease } from './load.ts'
import { Room } from './room.ts'
import type { Canary } from './running-canary.ts'
import type { SiteReleases } from './site-releases.ts'

interface Ports extends ShelfPorts {
  /** Milliseconds. */
  readonly stopwatch: () => number
  /** Told of a canary that was outside its limits. */
  readonly onCanaryEnded: () => void
}

interface Site {
  readonly releases: SiteReleases
  readonly follower: ShelfFollower
}

/** An answer by one release; some fallbacks say that its model failed. */
interface Answer {
  readonly fallback: string | null
}

const failures: ReadonlySet<string> = new Set<Fallback>(['model_failed', 'scorer_typescript'])

/** The releases that each site is answered by in this isolate. A request takes one and keeps it to its end. */
export class LiveReleases {
  readonly #ports: Ports
  readonly #room: Room
  readonly #sites = new Map<string, Site>()

  constructor(ports: Ports) {
    this.#ports = ports
    this.#room = new Room(ports)
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
    const { canary, live } = await this.#followed(site, later)
    if (!canary?.held) return live === null ? work(null) : live.hold(work)
    const place = placeIn(canary.digest, visitor)
    const held = isInCanary(canary.terms, place) ? canary.held : live
    if (held === null) return work(null)
    const [atMs, startedAt] = [this.#ports.now(), this.#ports.stopwatch()]
    const count = (hasFailed: boolean) => {
      const latencyMs = this.#ports.stopwatch() - startedAt
      canary.votes.decided(place, { atMs, latencyMs, hasFailed })
    }
    try {
      const answer = await held.hold(work)
      if (answer !== null) count(failures.has(answer.fallback ?? ''))
      return answer
    } catch (cause) {
      // What was refused is the fault of whoever asked.
      if (!(cause instanceof RequestRefused)) count(true)
      throw cause
    } finally {
      this.#endIfFaulty(site, canary, later)
    }
  }

  /** Whether a release that answers here listens to one of these events; waits as `use` does. */
  async hears(site: string, later: Later, events: readonly string[]): Promise<boolean> {
    return answering(await this.#followed(site, later)).some(({ policy }) =>
      events.some((event) => policy.listeners.has(event)),
    )
  }

  /** Whether a release that answers here reads profiles, as far as this isolate knows: nobody waits for it. */
  readsProfiles(site: string): boolean {
    return answering(this.#room.of(site)).some((release) => release.readsProfiles)
  }

  /** Counts what a visitor did for the release that decided on them; only while a canary runs. */
  countOutcomes(site: string, visitor: string, events: readonly ShelfEvent[]): void {
    const { canary } = this.#room.of(site)
    canary?.votes.did(placeIn(canary.digest, visitor), events)
  }

  /** What each site is answered by in this isolate; a site that has not been asked for is not there. */
  digests(): (readonly [site: string, digest: string])[] {
    return [...this.#room.sites].flatMap(([site, { live }]) =>
      live === null ? [] : [[site, live.release.digest] as const],
    )
  }

  /** What was counted while a canary runs, by site. */
  counts(): (readonly [site: string, canary: ReleaseCounts, live: ReleaseCounts])[] {
    return [...this.#room.sites].flatMap(([site, { canary }]) =>
      canary === null ? [] : [[site, canary.votes.own, canary.votes.others] as const],
    )
  }

  /**
   * Lets a pushed release arrive beside the live one, when what is arriving there already has come or has had its time;
   * `hasRoom` is false where a standby would not fit. What had to make room comes back from the shelf with the next
   * question, unless what arrived takes its place.
   */
  arrive<Result>(
    site: string,
    bytesTotal: number,
    work: (arrival: Arrival, hasRoom: boolean) => Promise<Result>,
  ): Promise<Result> {
    return this.#room.arrive(site, bytesTotal, (arrival, hasRoom) => {
      this.#at(site).follower.lookSoon()
      return work(arrival, hasRoom)
    })
  }

  /** What is beside the live one where it has this digest: it need not be loaded to be put to another use. */
  ready(site: string, digest: string): LoadedRelease | null {
    return this.#room.of(site).ready(digest)
  }

  isLive(site: string, digest: string): boolean {
    return this.#room.of(site).live?.release.digest === digest
  }

  /** Makes a release live at once in this isolate; the others find it on the shelf. */
  async activate(site: string, release: LoadedRelease): Promise<void> {
    const { releases, follower } = this.#at(site)
    const activated = releases.activate(release)
    // A canary that had to make room comes back with the next question.
    if (releases.canary?.held === null) follower.lookSoon()
    else follower.isUpToDate()
    await activated
  }

  /** Makes a release the canary at once in this isolate. */
  activateCanary(site: string, release: LoadedRelease, terms: CanaryTerms): Promise<void> {
    return this.#room.of(site).activateCanary(release, terms)
  }

  /** Keeps a release ready beside the live one. */
  keepReady(site: string, release: LoadedRelease): Promise<void> {
    return this.#room.of(site).keepReady(release)
  }

  /** Ends the canary by order of the hub. */
  endCanary(site: string): void {
    this.#room.of(site).endCanary()
  }

  #endIfFaulty(site: string, canary: Canary, later: Later): void {
    const { releases, follower } = this.#at(site)
    if (releases.canary !== canary) return
    const { digest, terms } = canary
    const { own, others } = canary.votes
    const reason = canaryFault(own, others, terms.limits)
    if (reason === null) return
    releases.endFaulty(canary)
    const ended: CanaryEnd = {
      ...{ digest, startedAtMs: terms.startedAtMs, at: this.#ports.now(), reason },
      figures: canaryFigures(own, others),
    }
    log('warn', 'a canary was ended', { site, digest, reason })
    this.#ports.onCanaryEnded()
    later(follower.tellEnd(ended))
  }

  async #followed(site: string, later: Later): Promise<SiteReleases> {
    const { releases, follower } = this.#at(site)
    await follower.follow(later)
    return releases
  }

  #at(site: string): Site {
    const found = this.#sites.get(site)
    if (found) return found
    const releases = this.#room.of(site)
    const made = { releases, follower: new ShelfFollower(site, releases, this.#room, this.#ports) }
    this.#sites.set(site, made)
    return made
  }
}

function answering({ live, canary }: SiteReleases): LoadedRelease[] {
  return [live, canary?.held].flatMap((held) => (held ? [held.release] : []))
}
