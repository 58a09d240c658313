import type { ShelfEvent } from './event.ts'
import { limits } from './limits.ts'
import { type Session, spendOf } from './session.ts'

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/**
 * How far back each window reaches, and how finely it is kept. A window begins with the bucket that the moment
 * `lengthMs` ago lies in: it misses nothing, and holds at most `bucketMs` more than its length. The names are in
 * the rows of visitors: a window of another width needs another name.
 */
export const totalWindows = {
  '1m': { lengthMs: minuteMs, bucketMs: secondMs },
  '1h': { lengthMs: hourMs, bucketMs: minuteMs },
  '1d': { lengthMs: dayMs, bucketMs: hourMs },
  '30d': { lengthMs: 30 * dayMs, bucketMs: dayMs },
} as const
export type TotalWindow = keyof typeof totalWindows
const windows = Object.keys(totalWindows) as TotalWindow[]

/**
 * What is counted: at the time of an event, but `sessions` and `sessionMs` (how long they lasted so far) at the
 * time their session began. The order is in the rows of visitors: a new one goes last.
 */
export const totalMeasures = [
  ...(['events', 'views', 'carts', 'purchases', 'spend'] as const),
  ...(['sessions', 'sessionMs'] as const),
] as const
type Measure = (typeof totalMeasures)[number]
type Amounts = Partial<Record<Measure, number>>

/** `views1h`, `spend30d`: a measure over a window. */
export type TotalName = `${Measure}${TotalWindow}`
export const totalNames = windows.flatMap((window) =>
  totalMeasures.map((measure): TotalName => `${measure}${window}`),
)

/** The running totals of a visitor at a moment. */
export type Totals = Readonly<Record<TotalName, number>>

/** The number of a bucket (epoch ms by its width), then an amount for each of `totalMeasures`. */
type Bucket = readonly number[]

/** What is remembered to count them from: a window's buckets, oldest first, those with nothing in them left out. */
export type RunningTotals = Readonly<Record<TotalWindow, readonly Bucket[]>>

/** Money is summed in thousandths: whole numbers have the same sum in every order, here and in the store. */
const spendUnits = 1_000
/** More than any order; ninety of them still have an exact sum. */
const spendMax = 1e11

/**
 * Counts an event and what it added to its session (`before` and `after` it), each in the bucket of its time,
 * however late it comes. Duplicates are the caller's to leave out.
 */
export function countEvent(
  running: RunningTotals | null,
  event: ShelfEvent,
  before: Session | null,
  after: Session | null,
): RunningTotals {
  const amounts = amountsOfEvent(event)
  const ofSession = amountsOfSession(before, after)
  const counted = windows.map((window) => {
    const { bucketMs, lengthMs } = totalWindows[window]
    const oldest = Math.floor((event.receivedAt - lengthMs) / bucketMs)
    let buckets: readonly Bucket[] = (running?.[window] ?? []).filter(
      ([number = 0]) => number >= oldest,
    )
    const add = (at: number, added: Amounts) => {
      const number = Math.floor(at / bucketMs)
      if (number >= oldest) buckets = put(buckets, number, added)
    }
    add(event.timestamp, amounts)
    if (after && ofSession) add(after.startedAt, ofSession)
    // Only a clock that went back can have more: then the oldest go.
    return [window, buckets.slice(-limits.totalBucketsMax)]
  })
  return Object.fromEntries(counted) as RunningTotals
}

/** The totals at a moment (epoch ms), of what had been counted until then. */
export function totalsAt(running: RunningTotals | null, at: number): Totals {
  const totals: Record<string, number> = {}
  for (const window of windows) {
    const { bucketMs, lengthMs } = totalWindows[window]
    const oldest = Math.floor((at - lengthMs) / bucketMs)
    const newest = Math.floor(at / bucketMs)
    const sums: number[] = totalMeasures.map(() => 0)
    for (const bucket of running?.[window] ?? []) {
      const [number = 0] = bucket
      if (number < oldest || number > newest) continue
      for (const index of sums.keys()) sums[index] = (sums[index] ?? 0) + (bucket[index + 1] ?? 0)
    }
    for (const [index, measure] of totalMeasures.entries()) {
      const sum = sums[index] as number
      totals[`${measure}${window}`] = measure === 'spend' ? sum / spendUnits : sum
    }
  }
  return totals as Totals
}

function amountsOfEvent(event: ShelfEvent): Amounts {
  const name = event.event
  const money = Math.max(-spendMax, Math.min(spendMax, spendOf(event)))
  return {
    events: 1,
    views: name === 'Product Viewed' ? 1 : 0,
    carts: name === 'Product Added' ? 1 : 0,
    purchases: name === 'Order Completed' ? 1 : 0,
    // Not Math.round of the money: the store rounds halves by another rule, and floors by the same.
    spend: Math.floor(money * spendUnits + 0.5),
  }
}

/** Null where the session did not grow. */
function amountsOfSession(before: Session | null, after: Session | null): Amounts | null {
  if (after === null || after === before) return null
  const isNew = after.id !== before?.id
  const sessionMs = after.lastAt - (isNew ? after.startedAt : before.lastAt)
  return isNew || sessionMs > 0 ? { sessions: isNew ? 1 : 0, sessionMs } : null
}

/** The buckets with the amounts in the one of this number; most events come in order, into the last. */
function put(buckets: readonly Bucket[], number: number, added: Amounts): readonly Bucket[] {
  const at = buckets.findLastIndex(([each = 0]) => each <= number)
  const found = buckets[at]?.[0] === number ? buckets[at] : undefined
  const sums = totalMeasures.map(
    (measure, index) => (found?.[index + 1] ?? 0) + (added[measure] ?? 0),
  )
  return found
    ? buckets.with(at, [number, ...sums])
    : buckets.toSpliced(at + 1, 0, [number, ...sums])
}
