/** What is seen of the disk of the embedded store: bytes that are free, or what the engine said of it. */
export type DiskSight =
  | { readonly freeBytes: number }
  /** Something could not be written for want of room. */
  | 'full'
  /** Something was read that is not whole. */
  | 'damaged'

/** Merges that began with more than this have room to end. */
const freeBytesMin = 64 * 1024 * 1024
/** As long the engine keeps what a part was merged from; later a start helps against damage no more. */
const sourcesKeptMs = 480_000
/** No part stays unproven for longer. */
const whileFullMs = sourcesKeptMs / 2
const betweenMs = 10_000

/**
 * Says when the engine is to be started again because the disk was full.
 *
 * A merge that runs out of room leaves a part whose files are cut off, and it is used all the same; what it was made
 * from is removed eight minutes later. A start compares the sizes of every part, sets those aside that are not whole, and
 * goes back to what they were made from. So there is one when there is room again, one every few minutes as long as
 * there is none, and one where something turns out to be damaged.
 */
export class FullDisk {
  #isFull = false
  /** Some part may not be whole. */
  #isSuspect = false
  #startedAtMs: number
  #damagedAtMs = Number.NEGATIVE_INFINITY
  #starts = 0

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** Whether what was written lately may not be whole. */
  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /** How often the engine was to be started. */
  get starts(): number {
    return this.#starts
  }

  /** Why the engine is to be started now; null where it is not. */
  see(sight: DiskSight, nowMs: number): string | null {
    const isDamaged = sight === 'damaged'
    // A start that has not helped will not; every query that touches the part would end the engine again.
    if (isDamaged && nowMs - this.#damagedAtMs < sourcesKeptMs) return null
    if (!isDamaged) this.#isFull = sight === 'full' || sight.freeBytes < freeBytesMin
    this.#isSuspect ||= isDamaged || this.#isFull
    const waitMs = this.#isFull && !isDamaged ? whileFullMs : betweenMs
    if (!this.#isSuspect || nowMs - this.#startedAtMs < waitMs) return null
    this.#startedAtMs = nowMs
    this.#isSuspect = false
    this.#starts++
    if (isDamaged) {
      this.#damagedAtMs = nowMs
      return 'a part of its data is damaged; what it was made from may still be there'
    }
    const full = this.#isFull ? 'its disk is full' : 'its disk was full'
    return `${full}; what it merged meanwhile may not be whole`
  }
}
