import { ReleaseError } from '#shared/release.ts'
import { log, reasonOf } from '../log.ts'
import { type LoadedRelease, loadRelease, ReleaseRefused } from './load.ts'
import type { ReleasePointer, ReleaseShelf } from './shelf.ts'

interface Ports {
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  readonly publicKey: () => Promise<CryptoKey>
  readonly pollMs: number
  readonly now: () => number
  /** 0 to 1. */
  readonly random: () => number
}

/** A loaded release and the requests that are deciding by it. */
interface Held {
  readonly release: LoadedRelease
  holders: number
  isRetired: boolean
}

interface Entry {
  held: Held | null
  nextCheckAt: number
  refreshing: Promise<void> | null
  /** A digest that could not be loaded is not tried again until another one comes. */
  refused: string | null
}

/** The release each site decides by, in this isolate. A request takes one and keeps it to its end. */
export class LiveReleases {
  readonly #ports: Ports
  readonly #sites = new Map<string, Entry>()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Runs `work` with the live release, null before the first; it stays loaded until `work` has ended.
   * Waits only for an isolate's first look at the shelf.
   */
  async use<Result>(
    site: string,
    later: (work: Promise<void>) => void,
    work: (release: LoadedRelease | null) => Promise<Result>,
  ): Promise<Result> {
    const entry = this.#entry(site)
    if (entry.nextCheckAt === 0) await this.#refresh(site, entry)
    else if (this.#ports.now() >= entry.nextCheckAt) later(this.#refresh(site, entry))
    const held = entry.held
    if (held === null) return work(null)
    held.holders++
    try {
      return await work(held.release)
    } finally {
      held.holders--
      if (held.isRetired && held.holders === 0) await held.release.dispose()
    }
  }

  /** What each site is answered by in this isolate; a site that has not been asked for is not there. */
  digests(): (readonly [site: string, digest: string])[] {
    return [...this.#sites].flatMap(([site, { held }]) =>
      held === null ? [] : [[site, held.release.digest] as const],
    )
  }

  /** Makes a release live at once in this isolate; the others find it on the shelf. */
  async activate(site: string, release: LoadedRelease): Promise<void> {
    const entry = this.#entry(site)
    const previous = entry.held
    entry.held = { release, holders: 0, isRetired: false }
    entry.refused = null
    entry.nextCheckAt = this.#nextCheckAt()
    if (previous === null) return
    previous.isRetired = true
    if (previous.holders === 0) await previous.release.dispose()
  }

  #refresh(site: string, entry: Entry): Promise<void> {
    entry.refreshing ??= this.#check(site, entry).finally(() => {
      entry.refreshing = null
      entry.nextCheckAt = this.#nextCheckAt()
    })
    return entry.refreshing
  }

  async #check(site: string, entry: Entry): Promise<void> {
    let pointer: ReleasePointer | null = null
    try {
      const shelf = this.#ports.shelf()
      pointer = await shelf.current(site)
      if (pointer === null) return
      if (pointer.digest === entry.held?.release.digest || pointer.digest === entry.refused) return
      const bytes = await shelf.read(site, pointer.digest)
      if (bytes === null) return
      const key = await this.#ports.publicKey()
      const release = await loadRelease(site, pointer, new Uint8Array(bytes), key)
      await this.activate(site, release)
    } catch (cause) {
      // The last good release stays live. Only a release that is bad is not asked for again.
      const isBad = cause instanceof ReleaseRefused || cause instanceof ReleaseError
      if (isBad) entry.refused = pointer?.digest ?? null
      log('error', 'a release on the shelf was not taken', { site, reason: reasonOf(cause) })
    }
  }

  #entry(site: string): Entry {
    const entry = this.#sites.get(site) ?? {
      held: null,
      nextCheckAt: 0,
      refreshing: null,
      refused: null,
    }
    this.#sites.set(site, entry)
    return entry
  }

  #nextCheckAt(): number {
    // Jitter keeps a fleet of isolates from asking at the same moment.
    return this.#ports.now() + this.#ports.pollMs * (0.75 + this.#ports.random() / 2)
  }
}
