import fc from 'fast-check'
import type { ShelfEvent } from '#shared/event.ts'
import { baseMs, shelfEvent } from './events.ts'

const secondMs = 1_000
const hourMs = 3_600_000

/** Gaps and delays that fall inside, on the edge of, and outside of every window of totals. */
const spans = fc.oneof(
  fc.integer({ min: 0, max: 3 * secondMs }),
  fc.integer({ min: 0, max: 3 * hourMs }),
  fc.integer({ min: 0, max: 40 * 24 * hourMs }),
  fc.constantFrom(0, 60 * secondMs, 60 * secondMs - 1, hourMs, 24 * hourMs, 30 * 24 * hourMs),
)
const money = fc.oneof(
  fc.double({ min: -1_000, max: 10_000, noNaN: true }),
  fc.integer({ min: 0, max: 5_000 }).map((cents) => (cents / 100).toFixed(2)),
  fc.constantFrom(null, 'free', '', 1e308, -1e308, '1e3', true, 0.0005),
)

/** The events of one visitor in the order they came: in time, out of order, weeks late, and some of them twice. */
export const arbitraryTraffic: fc.Arbitrary<ShelfEvent[]> = fc
  .array(
    fc.record({
      id: fc.integer({ min: 1, max: 30 }),
      gapMs: spans,
      delayMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, spans),
      event: fc.constantFrom('Product Viewed', 'Product Added', 'Order Completed', 'Searched'),
      total: money,
      revenue: money,
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) => {
    let receivedAt = baseMs
    return list.map(({ id, gapMs, delayMs, event, total, revenue }) => {
      receivedAt += gapMs
      const timestamp = receivedAt - delayMs
      const properties = { total, revenue }
      return shelfEvent({ messageId: `m${id}`, timestamp, receivedAt, event, properties })
    })
  })
