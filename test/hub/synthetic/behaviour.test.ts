import { sampleCorrelation } from 'simple-statistics'
import { describe, expect, it } from 'vitest'
import { eventsOf } from '#hub/synthetic/emission.ts'
import { noDirt } from '#hub/synthetic/settings.ts'
import { dayMs, firstEmissions, groupBy, inTime, shop, viewsByVisit } from './streams.ts'

describe('the shoppers', () => {
  it('shows about six items a visit, the top tenth of the catalogue near half of the time', () => {
    const visits = viewsByVisit(firstEmissions(35_000))
    const views = visits.flat()
    expect(views.length / visits.length).toBeGreaterThan(5.5)
    expect(views.length / visits.length).toBeLessThan(6.5)
    const counts = groupBy(views, (item) => item).map(({ length }) => length)
    const top = counts.sort((a, b) => b - a).slice(0, shop.items.length / 10)
    const share = top.reduce((sum, count) => sum + count, 0) / views.length
    expect(share).toBeGreaterThan(0.4)
    expect(share).toBeLessThan(0.6)
  })

  it('lets the hidden truth be learned from which view follows which', () => {
    const pairs = new Map<string, number>()
    const leaving = new Map<string, number>()
    for (const visit of viewsByVisit(firstEmissions(60_000, { dirt: noDirt, seed: 11 })))
      for (const [index, item] of visit.slice(0, -1).entries()) {
        const pair = `${item} ${visit[index + 1]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
        leaving.set(item, (leaving.get(item) ?? 0) + 1)
      }
    const often = [...leaving].filter(([, times]) => times >= 100)
    const points = often.flatMap(([item, times]) =>
      shop.truth.nextItem(item).map(({ item: next, probability }) => {
        return [probability, (pairs.get(`${item} ${next}`) ?? 0) / times] as const
      }),
    )
    expect(points.length).toBeGreaterThan(100)
    expect(
      sampleCorrelation(
        points.map(([p]) => p),
        points.map(([, f]) => f),
      ),
    ).toBeGreaterThan(0.8) // the rest is popularity's
    const followed = points.reduce((sum, [, share]) => sum + share, 0) / often.length
    expect(followed).toBeGreaterThan(0.65) // the stated share, and what popularity hits by chance
    expect(followed).toBeLessThan(0.85)
  })

  it('brings visitors back on later days, known by what they logged in as', () => {
    const days = firstEmissions(60_000, { visitorsPerHour: 60, seed: 5 }).filter(inTime)
    const visitors = groupBy(days, (emission) => String(eventsOf(emission)[0]?.anonymousId))
    const back = visitors.filter(
      (sent) => (sent.at(-1)?.sendAtMs ?? 0) - (sent[0]?.sendAtMs ?? 0) > dayMs,
    )
    expect(back.length / visitors.length).toBeGreaterThan(0.1)
    for (const sent of visitors) {
      const users = sent.flatMap(eventsOf).map(({ userId }) => userId)
      const known = users.slice(users.findIndex(Boolean))
      expect(new Set(users.some(Boolean) ? known : []).size).toBeLessThanOrEqual(1)
    }
  })

  it('refunds only orders it completed, some time after', () => {
    const events = firstEmissions(80_000, {
      visitorsPerHour: 60,
      dirt: noDirt,
      behaviour: { refundShare: 0.3, refundAfterDaysMedian: 2 },
    }).flatMap(eventsOf)
    const named = (name: string) => events.filter(({ event }) => event === name)
    const completed = new Map(
      named('Order Completed').map((order) => [order.properties?.order_id, order]),
    )
    expect(named('Order Refunded').length).toBeGreaterThan(10)
    for (const refund of named('Order Refunded')) {
      const order = completed.get(refund.properties?.order_id)
      expect(order?.anonymousId).toBe(refund.anonymousId)
      expect(Date.parse(refund.timestamp) - Date.parse(order?.timestamp ?? '')).toBeGreaterThan(
        dayMs / 5,
      )
      expect(Number(refund.properties?.total)).toBeLessThanOrEqual(Number(order?.properties?.total))
    }
  })

  it('has its busiest hours in the evening', () => {
    const day = firstEmissions(20_000, { visitorsPerHour: 30, dirt: noDirt })
    const within = (from: number, to: number) =>
      day.filter(({ sendAtMs }) => {
        const hour = Math.floor((sendAtMs % dayMs) / 3_600_000)
        return hour >= from && hour < to
      }).length
    expect(within(17, 21) / within(5, 9)).toBeGreaterThan(3)
  })
})
