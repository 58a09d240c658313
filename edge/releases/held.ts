import { limits } from '#shared/limits.ts'
import type { Clock } from '#shared/one-at-a-time.ts'
import { log, reasonOf } from '../log.ts'
import type { LoadedRelease } from './load.ts'

/**
 * A loaded release and the requests that are deciding by it: moved aside, it goes when the last of them has ended, or
 * when one may no longer take so long. A request that is cancelled never ends.
 */
export class Held {
  readonly release: LoadedRelease
  #holders = 0
  /** Epoch ms from which on nobody can be deciding by it. */
  #goesAtMs: number | null = null
  /** Told when it goes. */
  readonly #waiting = new Set<() => void>()
  #isGone = false

  constructor(release: LoadedRelease) {
    this.release = release
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Runs `work` with the release, which stays loaded until it has ended. */
  async hold<Result>(work: (release: LoadedRelease) => Promise<Result>): Promise<Result> {
    this.#holders++
    try {
      return await work(this.release)
    } finally {
      this.#holders--
      if (this.#goesAtMs !== null && this.#holders === 0) await this.#go()
    }
  }

  /** Lets the release go as soon as nobody decides by it. */
  async retire(nowMs: number): Promise<void> {
    this.#goesAtMs = nowMs + limits.decisionMsMax
    if (this.#holders === 0) await this.#go()
  }

  /** Lets it go where it is time to. */
  async goIfOverdue(nowMs: number): Promise<void> {
    if (this.#goesAtMs !== null && nowMs >= this.#goesAtMs) await this.#go()
  }

  /** Resolves when a retired one has gone. */
  async untilGone({ now, wait }: Clock): Promise<void> {
    while (!this.#isGone) {
      const leftMs = (this.#goesAtMs ?? 0) - now()
      if (leftMs <= 0) await this.#go()
      else await this.#nextWake(wait(leftMs))
    }
  }

  /** Each request waits by a promise of its own: one that was made in another may not be resolved when that has ended. */
  #nextWake(inTime: Promise<void>): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.add(wake)
      void inTime.then(wake)
    })
  }

  /** Whoever is answered pays for no failure of it. */
  async #go(): Promise<void> {
    if (this.#isGone) return
    this.#isGone = true
    for (const wake of this.#waiting) wake()
    try {
      await this.release.dispose()
    } catch (cause) {
      log('error', 'a release was not let go of', { reason: reasonOf(cause) })
    }
  }
}
