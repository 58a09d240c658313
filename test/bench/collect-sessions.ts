import type { TrainingSessions } from '#models/session-knn/train.ts'

/** Sessions in dense numbers, and the number of each item. */
export interface NumberedSessions {
  readonly training: TrainingSessions
  readonly numbers: ReadonlyMap<string, number>
}

export interface TimedItems {
  readonly itemIds: readonly string[]
  /** Left out where the file has no times. */
  readonly endsAtMs?: number
}

/** Files without times say only which session came first: they are laid evenly over this span. */
const spanDays = 30
const msPerDay = 24 * 3_600_000

/** Numbers items in the order they appear and lays sessions end to end, four bytes a click. */
export async function collectSessions(
  sessions: AsyncIterable<TimedItems>,
): Promise<NumberedSessions> {
  const numbers = new Map<string, number>()
  const items = new GrowingNumbers()
  const offsets = new GrowingNumbers()
  offsets.push(0)
  const endsAtMs: (number | undefined)[] = []
  for await (const session of sessions) {
    for (const item of session.itemIds) {
      const number = numbers.get(item) ?? numbers.size
      if (number === numbers.size) numbers.set(item, number)
      items.push(number)
    }
    offsets.push(items.length)
    endsAtMs.push(session.endsAtMs)
  }
  const sessionOffsets = offsets.values()
  const total = sessionOffsets.length - 1
  const stepMs = (spanDays * msPerDay) / Math.max(total, 1)
  const sessionEndsAtMs = Float64Array.from(endsAtMs, (knownMs, at) => knownMs ?? at * stepMs)
  return {
    training: { itemsTotal: numbers.size, items: items.values(), sessionOffsets, sessionEndsAtMs },
    numbers,
  }
}

class GrowingNumbers {
  #values = new Int32Array(1024)
  length = 0

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(this.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.length++] = value
  }

  values(): Int32Array {
    return this.#values.slice(0, this.length)
  }
}
