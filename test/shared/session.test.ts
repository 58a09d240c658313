import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ShelfEvent } from '#shared/event.ts'
import { featurise } from '#shared/features.ts'
import { limits } from '#shared/limits.ts'
import { appendItem, reduceSession, type Session } from '#shared/session.ts'
import { arbitraryEvents } from '#test/support/arbitrary-events.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'

function replay(events: readonly ShelfEvent[], idleMsMax?: number): Session | null {
  return events.reduce<Session | null>(
    (session, event) => reduceSession(session, event, idleMsMax).session,
    null,
  )
}

function viewAt(minutes: number, item = 'a', changes: Partial<ShelfEvent> = {}): ShelfEvent {
  return shelfEvent({ timestamp: baseMs + minutes * minuteMs, items: [item], ...changes })
}

describe('a session', () => {
  it('is the same live, stored after each event, as replayed at once', () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) => {
        let stored: string | null = null
        for (const event of events) {
          const live: Session | null = stored === null ? null : JSON.parse(stored)
          stored = JSON.stringify(reduceSession(live, event).session)
        }
        expect(stored === null ? null : JSON.parse(stored)).toEqual(replay(events))
      }),
    )
  })

  it('gives features that are finite and within their bound', () => {
    fc.assert(
      fc.property(arbitraryEvents, fc.integer({ min: 1, max: 5 }), (events, itemsMax) => {
        const features = featurise(replay(events), () => true, baseMs, itemsMax)
        const { items, ...numbers } = features
        expect(items.length).toBeLessThanOrEqual(itemsMax)
        for (const number of Object.values(numbers)) expect(Number.isFinite(number)).toBe(true)
      }),
    )
  })

  it('keeps a sum of money finite, however large the orders say they are', () => {
    const order = shelfEvent({ event: 'Order Completed', properties: { total: 1.7e308 } })
    expect(replay([order, order])?.spend).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it('goes on at the idle limit and splits one millisecond later', () => {
    const idle = limits.sessionIdleMsDefault
    const first = shelfEvent()
    const on = reduceSession(replay([first]), shelfEvent({ timestamp: baseMs + idle }))
    const over = reduceSession(replay([first]), shelfEvent({ timestamp: baseMs + idle + 1 }))
    expect(on.session?.events).toBe(2)
    expect(over.session).toMatchObject({ events: 1, startedAt: baseMs + idle + 1 })
    expect(over.placed.session).not.toBe(on.placed.session)
  })

  it('splits by the idle limit of its site', () => {
    expect(replay([viewAt(0), viewAt(4)], 5 * minuteMs)?.events).toBe(2)
    expect(replay([viewAt(0), viewAt(4)], 3 * minuteMs)?.events).toBe(1)
  })

  it('is left alone by an event that comes after its time', () => {
    const session = replay([viewAt(0), viewAt(5, 'b')])
    const step = reduceSession(session, viewAt(-31))
    expect(step.session).toBe(session)
    expect(step.placed).toMatchObject({ late: true })
    expect(step.placed.session).not.toBe(session?.id)
  })

  it('puts late events of one time into one session of their own', () => {
    const session = replay([viewAt(0)])
    const places = [-120, -119].map((at) => reduceSession(session, viewAt(at)).placed.session)
    expect(new Set(places).size).toBe(1)
  })

  it('takes in an event that is only a little out of order', () => {
    const step = reduceSession(replay([viewAt(10)]), viewAt(5, 'b'))
    expect(step.placed.late).toBe(false)
    expect(step.session).toMatchObject({ events: 2, lastAt: baseMs + 10 * minuteMs })
  })

  it('counts views, carts, orders and what was spent', () => {
    const session = replay([
      viewAt(0),
      viewAt(1, 'a', { event: 'Product Added' }),
      viewAt(2, 'a', { event: 'Order Completed', properties: { total: '19.50' } }),
      viewAt(3, 'a', { event: 'Order Completed', properties: { revenue: 5 } }),
      viewAt(4, 'a', { event: 'Order Completed', properties: { total: 'free' } }),
    ])
    expect(session).toMatchObject({ views: 1, carts: 1, purchases: 3, spend: 24.5 })
  })

  it('remembers items of views and carts only, a run of one item once', () => {
    const session = replay([
      viewAt(0, 'a'),
      viewAt(1, 'a'),
      viewAt(2, 'b', { event: 'Product Added' }),
      viewAt(3, 'c', { event: 'Products Searched' }),
      viewAt(4, 'a'),
    ])
    expect(session?.items).toEqual(['a', 'b', 'a'])
  })

  it('forgets its oldest items at the bound', () => {
    const many = Array.from({ length: limits.sessionItemsMax + 5 }, (_, number) => `item-${number}`)
    const items = many.reduce<readonly string[]>(appendItem, [])
    expect(items).toEqual(many.slice(-limits.sessionItemsMax))
  })

  it('is a bot once one event says so, or once it is faster than people are', () => {
    expect(replay([viewAt(0, 'a', { bot: true }), viewAt(1)])?.bot).toBe(true)
    const fast = Array.from({ length: 61 }, (_, at) => viewAt(at / 600))
    const slow = Array.from({ length: 61 }, (_, at) => viewAt(at / 10))
    expect([replay(fast)?.bot, replay(slow)?.bot]).toEqual([true, false])
  })
})
