import type { ShelfEvent } from '#shared/event.ts'

/** A Monday in 2026; tests count from here and never ask the clock. */
export const baseMs = Date.UTC(2026, 0, 5, 12)
export const minuteMs = 60_000

/** A product view as a browser sends it; a change to undefined leaves a field out, as JSON does. */
export function rawEvent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const event = {
    type: 'track',
    event: 'Product Viewed',
    messageId: 'message-1',
    anonymousId: 'visitor-1',
    properties: { product_id: 'item-1' },
    ...changes,
  }
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined))
}

/** The same after it was accepted. */
export function shelfEvent(changes: Partial<ShelfEvent> = {}): ShelfEvent {
  const timestamp = changes.timestamp ?? baseMs
  return {
    type: 'track',
    messageId: 'message-1',
    anonymousId: 'visitor-1',
    event: 'Product Viewed',
    timestamp,
    originalTimestamp: timestamp,
    receivedAt: timestamp,
    bot: false,
    items: ['item-1'],
    properties: {},
    traits: {},
    context: {},
    ...changes,
  }
}
