import { limits } from '#shared/limits.ts'
import type { WantedProfile } from '../visitors/profiles.ts'

interface Waiting {
  readonly wanted: WantedProfile
  readonly sinceMs: number
  /** With how many one question may name it: fewer, after one that was refused. */
  readonly atOnceMax: number
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
      else {
        const waiting = { wanted, sinceMs: nowMs, atOnceMax: limits.profileBatchMax }
        this.#waiting.set(wanted.visitor, waiting)
      }
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

  /** As many as one question may name; they stay until they are `settled` or `refused`. */
  next(): WantedProfile[] {
    const batch: WantedProfile[] = []
    let room: number = limits.profileBatchMax
    for (const { wanted, atOnceMax } of this.#waiting.values()) {
      room = Math.min(room, atOnceMax)
      if (batch.length >= room) break
      batch.push(wanted)
    }
    return batch
  }

  /**
   * Of those who were refused together each is asked for again, behind the others, with half as many: whoever is at fault
   * is soon alone, and goes without. Answers how many that are.
   */
  refused(batch: readonly WantedProfile[]): number {
    if (batch.length === 1) this.settled(batch)
    const atOnceMax = Math.ceil(batch.length / 2)
    for (const wanted of batch) {
      const waiting = this.#waiting.get(wanted.visitor)
      if (waiting?.wanted !== wanted) continue
      this.#waiting.delete(wanted.visitor)
      this.#waiting.set(wanted.visitor, { ...waiting, atOnceMax })
    }
    return batch.length === 1 ? 1 : 0
  }

  /** Whoever has begun another session meanwhile goes on waiting. */
  settled(batch: readonly WantedProfile[]): void {
    for (const wanted of batch) {
      if (this.#waiting.get(wanted.visitor)?.wanted === wanted) this.#waiting.delete(wanted.visitor)
    }
  }
}
