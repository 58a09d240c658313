import { limits } from '#shared/limits.ts'
import type { WantedProfile } from '../visitors/profiles.ts'

interface Waiting {
  readonly wanted: WantedProfile
  readonly sinceMs: number
}

/** Visitors of a site whose profiles are wanted, each once, oldest first, for as long as it is worth while. */
export class WaitingProfiles {
  readonly #waiting = new Map<string, Waiting>()

  get size(): number {
    return this.#waiting.size
  }

  /** Answers how many had no room. */
  add(all: readonly WantedProfile[], nowMs: number): number {
    let leftOut = 0
    for (const wanted of all) {
      const isFull = this.#waiting.size >= limits.profilesWaitingMax
      if (isFull && !this.#waiting.has(wanted.visitor)) leftOut++
      else this.#waiting.set(wanted.visitor, { wanted, sinceMs: nowMs })
    }
    return leftOut
  }

  /** Lets go of those who have waited too long; answers how many. */
  expire(nowMs: number): number {
    const old = [...this.#waiting].filter(
      ([, { sinceMs }]) => nowMs - sinceMs > limits.profileWaitMsMax,
    )
    for (const [visitor] of old) this.#waiting.delete(visitor)
    return old.length
  }

  /** As many as one question may name; they stay until they are `settled`. */
  next(): WantedProfile[] {
    const oldest = Array.from(this.#waiting.values()).slice(0, limits.profileBatchMax)
    return oldest.map(({ wanted }) => wanted)
  }

  /** Whoever has begun another session meanwhile goes on waiting. */
  settled(batch: readonly WantedProfile[]): void {
    for (const wanted of batch) {
      if (this.#waiting.get(wanted.visitor)?.wanted === wanted) this.#waiting.delete(wanted.visitor)
    }
  }
}
