import { limits } from '#shared/limits.ts'
import type { Clock } from '#shared/one-at-a-time.ts'
import type { Arrival } from './arrival.ts'
import { SiteReleases } from './site-releases.ts'

/** What the releases of all sites may have in this isolate while a standby is loaded: it only saves time. */
const bytesMax = 2 * limits.releaseBytesMax

/** The releases of all sites in this isolate, which share its memory. */
export class Room {
  readonly #clock: Clock
  readonly #sites = new Map<string, SiteReleases>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** As many as a POP serves, at most. */
  of(site: string): SiteReleases {
    const releases = this.#sites.get(site) ?? new SiteReleases(this.#clock)
    this.#sites.set(site, releases)
    return releases
  }

  get sites(): ReadonlyMap<string, SiteReleases> {
    return this.#sites
  }

  /**
   * Lets a release arrive at a site, in place of what is beside its live one, so that there are never three, and of
   * standbys of other sites where it takes too much. `hasRoom` is false where even then a standby would.
   */
  arrive<Result>(
    site: string,
    bytesTotal: number,
    work: (arrival: Arrival, hasRoom: boolean) => Promise<Result>,
  ): Promise<Result> {
    return this.of(site).arrive(bytesTotal, async (arrival) => {
      for (const each of this.#sites.values()) {
        await each.dropOverdue()
        if (!this.has(0) && each.canary === null) await each.dropBeside()
      }
      const result = await work(arrival, this.has(0))
      // What was live before it is a standby now, which stays where there is room.
      if (!this.couldHave(0) && this.of(site).canary === null) await this.of(site).dropBeside()
      return result
    })
  }

  /** Whether a standby of so many bytes fits beside all that is here or arriving. */
  has(bytesTotal: number): boolean {
    return this.couldHave(bytesTotal + this.#sum(({ bytesArriving }) => bytesArriving))
  }

  /** Whether it will when all that is arriving has come or gone. */
  couldHave(bytesTotal: number): boolean {
    return bytesTotal + this.#sum(({ bytesHeld }) => bytesHeld) <= bytesMax
  }

  #sum(bytesOf: (releases: SiteReleases) => number): number {
    return [...this.#sites.values()].reduce((sum, each) => sum + bytesOf(each), 0)
  }
}
