import type { CanaryEnd } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'
import type { Clock } from '#shared/one-at-a-time.ts'
import { ReleaseError } from '#shared/release.ts'
import { log, reasonOf } from '../log.ts'
import { readFromShelf } from './carry.ts'
import type { LoadedRelease, Loader } from './load.ts'
import { ReleaseRefused } from './refused.ts'
import type { Room } from './room.ts'
import { isOrder, nameOf } from './running-canary.ts'
import type { CanaryPointer, ReleasePointer, ReleaseShelf } from './shelf.ts'
import type { SiteReleases } from './site-releases.ts'

export interface ShelfPorts extends Clock {
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  readonly load: Loader
  readonly pollMs: number
  /** 0 to 1. */
  readonly random: () => number
}

/** One look at the shelf. */
interface Look {
  /** What had been moved here when it began. */
  moves: number
  /** Epoch ms: it may have been cut off, and is out of date, when another may begin. */
  readonly untilMs: number
}

/** What is done with a release that the shelf names. */
interface Use {
  readonly put: (release: LoadedRelease) => Promise<void>
  /** Not to ask for it again. */
  readonly refuse: () => void
  /** Whether it may come; always, where it is not said. */
  readonly fits?: (bytesTotal: number) => boolean
}

/** What `waitUntil` of a worker is for: work that goes on after the answer. */
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
  #isDue = false
  #looking: Look | null = null
  #looked: Promise<void> = Promise.resolve()
  /** How a canary was ended here, until the shelf has it. */
  #untold: CanaryEnd | null = null

  constructor(site: string, releases: SiteReleases, room: Room, ports: ShelfPorts) {
    this.#site = site
    this.#releases = releases
    this.#room = room
    this.#ports = ports
  }

  /** Looks at the shelf where it is time to; waits only for an isolate's first look, and for that within reason. */
  async follow(later: Later): Promise<void> {
    if (this.#nextLookAtMs === 0) {
      const first = this.#look()
      // Whoever asked may hang up; the others wait for the same look.
      later(first)
      await Promise.race([first, this.#ports.wait(limits.firstLookMsMax)])
      // Once is enough: whoever asks next goes without.
      if (this.#nextLookAtMs === 0) this.#nextLookAtMs = this.#ports.now()
    } else if (this.#isTime()) later(this.#look())
  }

  /** What is here is what was put on the shelf just now: the next look can wait. */
  isUpToDate(): void {
    this.#isDue = false
    this.#nextLookAtMs = this.#nextLook()
  }

  /** The next question brings a look, or the first one after what is arriving. */
  lookSoon(): void {
    this.#isDue = true
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

  #isTime(): boolean {
    const nowMs = this.#ports.now()
    // What arrives by a push is newer than what a look would find, and needs the place that it would take.
    return (this.#isDue || nowMs >= this.#nextLookAtMs) && !this.#releases.isTaken()
  }

  #look(): Promise<void> {
    const nowMs = this.#ports.now()
    if (this.#looking !== null && nowMs < this.#looking.untilMs) return this.#looked
    const look = { moves: this.#releases.moves, untilMs: nowMs + limits.shelfLookMsMax }
    this.#looking = look
    this.#looked = this.#takeAll(look).finally(() => {
      if (this.#looking !== look) return
      this.#looking = null
      this.#nextLookAtMs = this.#nextLook()
    })
    return this.#looked
  }

  #nextLook(): number {
    // Jitter keeps a fleet of isolates from asking at the same moment.
    return this.#ports.now() + this.#ports.pollMs * (0.75 + this.#ports.random() / 2)
  }

  async #takeAll(look: Look): Promise<void> {
    const releases = this.#releases
    this.#isDue = false
    try {
      await releases.dropOverdue()
      await this.#tellUntold()
      look.moves = releases.moves
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
    return this.#releases.moves !== look.moves || this.#looking !== look
  }

  async #takeLive(pointer: ReleasePointer, look: Look): Promise<void> {
    const releases = this.#releases
    const { digest } = pointer
    if (digest === releases.live?.release.digest || digest === releases.refused.live) return
    await this.#readyOrLoaded(pointer, look, {
      put: (release) => {
        const activated = releases.activate(release)
        look.moves = releases.moves
        // Who asks from now on need not wait for what comes beside it.
        this.isUpToDate()
        return activated
      },
      refuse: () => {
        releases.refused.live = digest
      },
    })
  }

  async #takeCanary(pointer: CanaryPointer, look: Look): Promise<void> {
    const releases = this.#releases
    const name = nameOf(pointer.digest, pointer.terms)
    const isHere = isOrder(releases.canary, pointer) && releases.canary.held !== null
    if (isHere || name === releases.refused.canary) return
    await this.#readyOrLoaded(pointer, look, {
      put: (release) => releases.activateCanary(release, pointer.terms),
      refuse: () => {
        releases.refused.canary = name
      },
    })
  }

  /** Other standbys stay where they are: two that push each other out would be loaded again at each look. */
  async #takeStandby(pointer: ReleasePointer | null, look: Look): Promise<void> {
    const releases = this.#releases
    if (pointer?.digest === releases.beside?.release.digest) return
    await releases.dropBeside()
    // Live already, it is of no use beside itself.
    if (pointer === null || pointer.digest === releases.live?.release.digest) return
    if (pointer.digest === releases.refused.standby) return
    const refuse = () => {
      releases.refused.standby = pointer.digest
    }
    await this.#load(pointer, look, {
      put: (release) => releases.keepReady(release),
      refuse,
      fits: (bytesTotal) => {
        if (!this.#room.couldHave(bytesTotal)) refuse()
        return this.#room.has(bytesTotal)
      },
    })
  }

  async #readyOrLoaded(pointer: ReleasePointer, look: Look, use: Use): Promise<void> {
    const ready = this.#releases.ready(pointer.digest)
    return ready ? use.put(ready) : this.#load(pointer, look, use)
  }

  /**
   * Loads a release and puts it to use, unless something else was put to use meanwhile. What cannot be loaded is not
   * taken, and the last good release stays; only one that is bad is not asked for again.
   */
  async #load(pointer: ReleasePointer, look: Look, { put, refuse, fits }: Use): Promise<void> {
    const [site, releases] = [this.#site, this.#releases]
    try {
      const bytes = await readFromShelf(this.#ports.shelf(), site, pointer.digest)
      if (bytes === null || fits?.(bytes.length) === false) return
      // Before the first there is nothing to go on with: then it waits for what is arriving.
      if (releases.live !== null && releases.isTaken()) return
      await this.#room.arrive(site, bytes.length, async (arrival) => {
        if (this.#isOvertaken(look)) return
        await arrival.load(() => this.#ports.load(site, pointer, bytes))
        const release = this.#isOvertaken(look) ? null : arrival.take()
        if (release) await put(release)
      })
    } catch (cause) {
      if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) refuse()
      log('error', 'a release on the shelf was not taken', { site, reason: reasonOf(cause) })
    }
  }
}
