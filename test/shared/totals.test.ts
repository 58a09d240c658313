import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { reduceSession, type Session } from '#shared/session.ts'
import {
  countEvent,
  type RunningTotals,
  type TotalWindow,
  totalNames,
  totalsAt,
  totalWindows,
} from '#shared/totals.ts'
import { arbitraryTraffic } from '#test/support/arbitrary-traffic.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'

const windows = Object.entries(totalWindows) as [TotalWindow, (typeof totalWindows)[TotalWindow]][]
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

function replay(events: readonly ShelfEvent[]): RunningTotals | null {
  let session: Session | null = null
  let totals: RunningTotals | null = null
  for (const event of events) {
    const step = reduceSession(session, event)
    totals = countEvent(totals, event, session, step.session)
    session = step.session
  }
  return totals
}

/** By the definition: events of a time after `from` and until `to`. */
function exact(events: readonly ShelfEvent[], name: string, from: number, to: number): number {
  return events.filter(
    ({ event, timestamp }) => event === name && timestamp > from && timestamp <= to,
  ).length
}

const later = fc.constantFrom(0, 1, 999, 61_000, hourMs, 2 * dayMs, 29 * dayMs, 31 * dayMs)

describe('running totals', () => {
  it('miss nothing of a window, and hold at most one bucket more', () => {
    fc.assert(
      fc.property(arbitraryTraffic, later, (events, waitMs) => {
        const at = (events.at(-1)?.receivedAt ?? 0) + waitMs
        const totals = totalsAt(replay(events), at)
        for (const [window, { lengthMs, bucketMs }] of windows) {
          for (const [measure, name] of [
            ['views', 'Product Viewed'],
            ['carts', 'Product Added'],
            ['purchases', 'Order Completed'],
          ] as const) {
            const counted = totals[`${measure}${window}`]
            const least = exact(events, name, at - lengthMs, at)
            const most = exact(events, name, at - lengthMs - bucketMs, at)
            expect(counted).toBeGreaterThanOrEqual(least)
            expect(counted).toBeLessThanOrEqual(most)
          }
        }
      }),
    )
  })

  it('are the same in whatever order events come, but for what sessions they make', () => {
    const shuffled = arbitraryTraffic.chain((events) => {
      const receivedAt = events.at(-1)?.receivedAt ?? 0
      const together = events.map((event) => ({ ...event, receivedAt }))
      return fc.tuple(
        fc.constant(together),
        fc.shuffledSubarray(together, { minLength: together.length }),
      )
    })
    fc.assert(
      fc.property(shuffled, ([events, others]) => {
        const at = events[0]?.receivedAt ?? 0
        const [left, right] = [events, others].map((each) => totalsAt(replay(each), at))
        const names = totalNames.filter((name) => !name.startsWith('session'))
        for (const name of names) expect([name, left?.[name]]).toEqual([name, right?.[name]])
      }),
    )
  })

  it('are the same when they are written down after every event', () => {
    fc.assert(
      fc.property(arbitraryTraffic, (events) => {
        let stored = 'null'
        for (const event of events) {
          stored = JSON.stringify(countEvent(JSON.parse(stored), event, null, null))
        }
        const whole = events.reduce<RunningTotals | null>(
          (totals, event) => countEvent(totals, event, null, null),
          null,
        )
        expect(JSON.parse(stored)).toEqual(whole)
      }),
    )
  })

  it('have a bounded number of buckets, also where a clock goes back', () => {
    const busy = Array.from({ length: 3_000 }, (_, number) =>
      shelfEvent({ timestamp: baseMs + number * 700 }),
    )
    const backwards = Array.from({ length: 300 }, (_, number) =>
      shelfEvent({ timestamp: baseMs - number * dayMs }),
    )
    for (const events of [busy, backwards]) {
      const lengths = Object.values(replay(events) ?? {}).map((buckets) => buckets.length)
      expect(Math.max(...lengths)).toBe(limits.totalBucketsMax)
    }
  })

  it('count where an event happened, not where it came in', () => {
    const late = shelfEvent({ timestamp: baseMs - 2 * hourMs, receivedAt: baseMs })
    const totals = totalsAt(replay([shelfEvent(), late]), baseMs)
    expect(totals).toMatchObject({ views1m: 1, views1h: 1, views1d: 2, views30d: 2 })
    const old = shelfEvent({ timestamp: baseMs - 40 * dayMs, receivedAt: baseMs })
    expect(totalsAt(replay([old]), baseMs).events30d).toBe(0)
  })

  it('let go of a bucket once it lies wholly outside of the window', () => {
    const running = replay([shelfEvent({ timestamp: baseMs + 300 })])
    const views = (at: number) => totalsAt(running, at).views1m
    expect([views(baseMs + 300), views(baseMs + 60_999), views(baseMs + 61_000)]).toEqual([1, 1, 0])
  })

  it('sum money to the thousandth, whatever an order says', () => {
    const order = (total: unknown) =>
      shelfEvent({ event: 'Order Completed', properties: { total } })
    const of = (...sums: unknown[]) => totalsAt(replay(sums.map(order)), baseMs).spend1h
    expect(of(0.1, 0.2)).toBe(0.3)
    expect(of('19.50', null, 'free', -4.5)).toBe(15)
    expect(of(1e308)).toBe(1e11)
  })

  it('count sessions and how long they lasted where they began', () => {
    const view = (minutes: number) => shelfEvent({ timestamp: baseMs + minutes * minuteMs })
    const events = [view(0), view(10), view(8), view(20), view(-90), view(100), view(103)]
    expect(totalsAt(replay(events), baseMs + 103 * minuteMs)).toMatchObject({
      ...{ sessions1m: 0, sessionMs1m: 0 },
      ...{ sessions1h: 1, sessionMs1h: 3 * minuteMs },
      ...{ sessions1d: 2, sessionMs1d: 23 * minuteMs },
    })
  })
})
