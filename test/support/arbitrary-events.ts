import fc from 'fast-check'
import type { ShelfEvent } from '#shared/event.ts'
import { baseMs, minuteMs, shelfEvent } from './events.ts'

/** Three hours of a visitor's events in any order: idle gaps, late ones and repeated ids among them. */
export const arbitraryEvents: fc.Arbitrary<ShelfEvent[]> = fc.array(
  fc
    .record({
      id: fc.integer({ min: 1, max: 30 }),
      minutes: fc.integer({ min: 0, max: 180 }),
      event: fc.constantFrom('Product Viewed', 'Product Added', 'Order Completed', 'Searched'),
      items: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }),
      total: fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.constant(null)),
    })
    .map(({ id, minutes, event, items, total }) =>
      shelfEvent({
        messageId: `m${id}`,
        timestamp: baseMs + minutes * minuteMs,
        event,
        items,
        properties: { total },
      }),
    ),
  { maxLength: 40 },
)
