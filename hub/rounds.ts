/** Work that is done again and again, one round at a time, and at once when somebody asks for it. */
export class Rounds {
  readonly #round: () => Promise<void>
  readonly #everyMs: number
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | null = null

  /** `round` must not reject: what failed is tried again by the next. */
  constructor(round: () => Promise<void>, everyMs: number) {
    this.#round = round
    this.#everyMs = everyMs
  }

  start(): void {
    this.#timer = setInterval(() => void this.now(), this.#everyMs)
  }

  /** Ends after the round that runs and the one that waits. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await (this.#next ?? this.#running)
  }

  /** Resolves after a round that began after the call. */
  now(): Promise<void> {
    // One round may wait behind the one that runs; it will see whatever a second one would.
    this.#next ??= this.#running.then(() => {
      this.#next = null
      this.#running = this.#round()
      return this.#running
    })
    return this.#next
  }
}
