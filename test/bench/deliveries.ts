import type { Delivery, EventRecord } from '#shared/contract.ts'

export const loadSite = 'bench'
export const eventsPerBatch = 20
/** Visitors of one outbox; the log spreads them over its partitions. */
const visitorsPerOutbox = 2_000
const itemsTotal = 5_000

/** One delivery of an outbox: batches that no delivery before it held. */
export function deliveryOf(outbox: string, sequence: number, batches: number, nowMs: number) {
  const one = (_: unknown, index: number) => batchOf(outbox, sequence + index, nowMs)
  return {
    pop: outbox,
    region: 'bench',
    batches: Array.from({ length: batches }, one),
  } satisfies Delivery
}

function batchOf(outbox: string, sequence: number, nowMs: number) {
  const visitor = `${outbox}-${sequence % visitorsPerOutbox}`
  const records = Array.from({ length: eventsPerBatch }, (_, position) =>
    eventOf(visitor, `${outbox}-${sequence}-${position}`, sequence * 7 + position, nowMs),
  )
  return { site: loadSite, visitor: `a:${visitor}`, epoch: 1, sequence, records }
}

/** A product view as a storefront's SDK makes it, about 600 bytes of JSON. */
function eventOf(visitor: string, messageId: string, number: number, nowMs: number): EventRecord {
  const item = `item-${number % itemsTotal}`
  const url = `https://shop.example/products/${item}`
  return {
    ...{ kind: 'event', type: 'track', event: 'Product Viewed', messageId, anonymousId: visitor },
    ...{ timestamp: nowMs, originalTimestamp: nowMs, receivedAt: nowMs },
    ...{ bot: false, late: false, session: `session-${visitor}`, items: [item], traits: {} },
    properties: { product_id: item, category: 'bicycle parts', price: 19.5, currency: 'EUR', url },
    context: {
      library: { name: 'analytics.js', version: '1.84.3' },
      page: { url, path: `/products/${item}`, referrer: 'https://shop.example/' },
      locale: 'en-GB',
    },
  }
}
