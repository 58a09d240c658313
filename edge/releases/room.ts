import { limits } from '#shared/limits.ts'
import { SiteReleases } from './site-releases.ts'

/** What the releases of all sites may have in this isolate while a standby is loaded: it only saves time. */
const heldBytesMax = 2 * limits.releaseBytesMax

/** The releases of all sites in this isolate, which share its memory. */
export class Room {
  readonly #sites = new Map<string, SiteReleases>()

  /** As many as a POP serves, at most. */
  of(site: string): SiteReleases {
    const releases = this.#sites.get(site) ?? new SiteReleases()
    this.#sites.set(site, releases)
    return releases
  }

  get sites(): ReadonlyMap<string, SiteReleases> {
    return this.#sites
  }

  /**
   * Lets go of what is beside the live one of a site before another is loaded, so that there are never three, and of
   * standbys of other sites where they take too much. False where even then a standby would.
   */
  async makeFor(releases: SiteReleases, bytesTotal: number): Promise<boolean> {
    await releases.dropBeside()
    for (const each of this.#sites.values()) {
      if (this.has(bytesTotal)) break
      if (each.canary === null) await each.dropBeside()
    }
    return this.has(bytesTotal)
  }

  /** Whether a standby of so many bytes fits. */
  has(bytesTotal: number): boolean {
    const held = [...this.#sites.values()].reduce((sum, each) => sum + each.bytesTotal, 0)
    return held + bytesTotal <= heldBytesMax
  }
}
