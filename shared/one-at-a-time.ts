export interface Clock {
  /** Epoch ms. */
  readonly now: () => number
  /** Resolves after so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>
}

interface Turn {
  readonly ended: Promise<void>
  readonly untilMs: number
}

/**
 * Work that goes one at a time, and holds up nobody for longer than `turnMsMax`: a request that is cancelled never comes
 * to its `finally`, so a turn ends by itself, too. Work that is merely slow goes on beside the next.
 */
export class OneAtATime {
  readonly #turnMsMax: number
  #turn: Turn | null = null

  constructor(turnMsMax: number) {
    this.#turnMsMax = turnMsMax
  }

  isTaken(nowMs: number): boolean {
    return this.#turn !== null && nowMs < this.#turn.untilMs
  }

  async run<Result>({ now, wait }: Clock, work: () => Promise<Result>): Promise<Result> {
    while (this.#turn !== null && this.isTaken(now())) {
      await Promise.race([this.#turn.ended, wait(this.#turn.untilMs - now())])
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const turn = { ended, untilMs: now() + this.#turnMsMax }
    this.#turn = turn
    try {
      return await work()
    } finally {
      if (this.#turn === turn) this.#turn = null
      end()
    }
  }
}
