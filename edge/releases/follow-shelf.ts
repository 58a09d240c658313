import type { CanaryEnd } from '#shared/canary.ts'
import { ReleaseError } from '#shared/release.ts'
import { log, reasonOf } from '../log.ts'
import { readFromShelf } from './carry.ts'
import type { LoadedRelease } from './load.ts'
import { ReleaseRefused } from './refused.ts'
import type { Room } from './room.ts'
import { isOrder, nameOf } from './running-canary.ts'
import type { CanaryPointer, ReleasePointer, ReleaseShelf } from './shelf.ts'
import type { SiteReleases } from './site-releases.ts'

export interface ShelfPorts {
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  /** As `loadRelease`. */
  readonly load: (
    site: string,
    pointer: ReleasePointer,
    bytes: Uint8Array<ArrayBuffer>,
  ) => Promise<LoadedRelease>
  readonly pollMs: number
  readonly now: () => number
  /** 0 to 1. */
  readonly random: () => number
}

/** One look at the shelf, and what had been moved here when it began. */
interface Look {
  moves: number
}

export type Later = (work: Promise<void>) => void

/**
 * Keeps the releases of a site in this isolate at what the shelf says, where a push that went through another isolate is
 * found, too: looks there at the first question and then, behind one, whenever it is time.
 */
export class ShelfFollower {
  readonly #site: string
  readonly #releases: SiteReleases
  readonly #room: Room
  readonly #ports: ShelfPorts
  /** 0 before the first. */
  #nextLookAtMs = 0
  #looking: Promise<void> | null = null
  /** How a canary was ended here, until the shelf has it. */
  #untold: CanaryEnd | null = null

  constructor(site: string, releases: SiteReleases, room: Room, ports: ShelfPorts) {
    this.#site = site
    this.#releases = releases
    this.#room = room
    this.#ports = ports
  }

  /** Looks at the shelf where it is time to; waits only for an isolate's first look. */
  async follow(later: Later): Promise<void> {
    if (this.#nextLookAtMs === 0) {
      const first = this.#look()
      // Whoever asked may hang up; the others wait for the same look.
      later(first)
      await first
    } else if (this.#ports.now() >= this.#nextLookAtMs) later(this.#look())
  }

  /** What is here is what was put on the shelf just now: the next look can wait. */
  isUpToDate(): void {
    this.#nextLookAtMs = this.#nextLook()
  }

  /** The next question brings a look. */
  lookSoon(): void {
    this.#nextLookAtMs = this.#ports.now()
  }

  /** Tells the shelf how a canary ended, from where the hub hears of it; what fails is told at the next look. */
  async tellEnd(ended: CanaryEnd): Promise<void> {
    this.#untold = ended
    await this.#tellUntold()
  }

  async #tellUntold(): Promise<void> {
    const untold = this.#untold
    if (untold === null) return
    try {
      await this.#ports.shelf().endCanary(this.#site, untold)
      if (this.#untold === untold) this.#untold = null
    } catch (cause) {
      const reason = reasonOf(cause)
      log('error', 'the end of a canary was not written down', { site: this.#site, reason })
    }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#takeAll().finally(() => {
      this.#looking = null
      this.#nextLookAtMs = this.#nextLook()
    })
    return this.#looking
  }

  #nextLook(): number {
    // Jitter keeps a fleet of isolates from asking at the same moment.
    return this.#ports.now() + this.#ports.pollMs * (0.75 + this.#ports.random() / 2)
  }

  async #takeAll(): Promise<void> {
    const releases = this.#releases
    try {
      await this.#tellUntold()
      const look = { moves: releases.moves }
      const { live, canary, standby } = await this.#ports.shelf().state(this.#site)
      if (this.#isOvertaken(look)) return
      if (live !== null) await this.#takeLive(live, look)
      if (this.#isOvertaken(look)) return
      if (canary !== null) await this.#takeCanary(canary, look)
      else {
        releases.forgetCanary()
        await this.#takeStandby(standby, look)
      }
    } catch (cause) {
      log('error', 'the shelf could not be read', { site: this.#site, reason: reasonOf(cause) })
    }
  }

  #isOvertaken(look: Look): boolean {
    return this.#releases.moves !== look.moves
  }

  async #takeLive(pointer: ReleasePointer, look: Look): Promise<void> {
    const releases = this.#releases
    const { digest } = pointer
    if (digest === releases.live?.release.digest || digest === releases.refused.live) return
    const release = await this.#readyOrLoaded(pointer, look, () => {
      releases.refused.live = digest
    })
    if (release === null) return
    const activated = releases.activate(release)
    look.moves = releases.moves
    // Who asks from now on need not wait for what comes beside it.
    this.isUpToDate()
    await activated
  }

  async #takeCanary(pointer: CanaryPointer, look: Look): Promise<void> {
    const releases = this.#releases
    const name = nameOf(pointer.digest, pointer.terms)
    const isHere = isOrder(releases.canary, pointer) && releases.canary.held !== null
    if (isHere || name === releases.refused.canary) return
    const release = await this.#readyOrLoaded(pointer, look, () => {
      releases.refused.canary = name
    })
    if (release) await releases.activateCanary(release, pointer.terms)
  }

  /** Other standbys stay where they are: two that push each other out would be loaded again at each look. */
  async #takeStandby(pointer: ReleasePointer | null, look: Look): Promise<void> {
    const releases = this.#releases
    if (pointer?.digest === releases.beside?.release.digest) return
    await releases.dropBeside()
    if (pointer === null || pointer.digest === releases.refused.standby) return
    const refuse = () => {
      releases.refused.standby = pointer.digest
    }
    const release = await this.#loaded(pointer, look, refuse, async (bytesTotal) => {
      const hasRoom = this.#room.has(bytesTotal)
      if (!hasRoom) refuse()
      return hasRoom
    })
    if (release) await releases.keepReady(release)
  }

  async #readyOrLoaded(
    pointer: ReleasePointer,
    look: Look,
    onBad: () => void,
  ): Promise<LoadedRelease | null> {
    const ready = this.#releases.ready(pointer.digest)
    if (ready) return ready
    return this.#loaded(pointer, look, onBad, async (bytesTotal) => {
      await this.#room.makeFor(this.#releases, bytesTotal)
      return true
    })
  }

  /**
   * Null where it cannot be loaded, and the last good release stays; or where something else was put to use
   * meanwhile. Only one that is bad is not asked for again.
   */
  async #loaded(
    pointer: ReleasePointer,
    look: Look,
    onBad: () => void,
    makeRoom: (bytesTotal: number) => Promise<boolean>,
  ): Promise<LoadedRelease | null> {
    const site = this.#site
    try {
      const bytes = await readFromShelf(this.#ports.shelf(), site, pointer.digest)
      if (bytes === null || this.#isOvertaken(look) || !(await makeRoom(bytes.length))) return null
      const release = await this.#ports.load(site, pointer, bytes)
      if (!this.#isOvertaken(look)) return release
      await release.dispose()
      return null
    } catch (cause) {
      if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) onBad()
      log('error', 'a release on the shelf was not taken', { site, reason: reasonOf(cause) })
      return null
    }
  }
}
