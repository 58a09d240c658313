/** A few at once, the others in line, and the line has an end. */

import { StoreError } from './store.ts'

export class Turns {
  readonly #waiting: (() => void)[] = []
  readonly #waitingMax: number
  #free: number

  constructor(atOnce: number, waitingMax: number) {
    this.#free = atOnce
    this.#waitingMax = waitingMax
  }

  /** Runs when its turn comes; throws `unavailable` when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn()
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    if (this.#waiting.length >= this.#waitingMax)
      throw new StoreError(
        'unavailable',
        `${this.#waiting.length} others wait for their turn already`,
      )
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #next(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
