import { describe, expect, it } from 'vitest'
import { type Emission, eventsOf } from '#hub/synthetic/emission.ts'
import { noDirt, usualDirt } from '#hub/synthetic/settings.ts'
import { binomialMargin, dayMs, firstEmissions, groupBy } from './streams.ts'

const stream = firstEmissions(60_000)
const firstSendings = stream.filter(({ truth }) => !truth.duplicateOf)
const shopping = firstSendings.filter(({ truth }) => !truth.bot && !truth.late)
const visitsOf = (emissions: readonly Emission[]) =>
  groupBy(emissions, ({ truth }) => truth.visit).map((visit) => visit[0] as Emission)

function expectShare(hits: number, draws: number, share: number): void {
  expect(Math.abs(hits / draws - share)).toBeLessThan(binomialMargin(draws, share))
}

describe('the dirt of a stream', () => {
  it('sends the stated share again, later, with the same ids', () => {
    const repeats = stream.filter(({ truth }) => truth.duplicateOf)
    expectShare(repeats.length, firstSendings.length, usualDirt.duplicateShare)
    for (const repeat of repeats) {
      const original = stream[repeat.truth.duplicateOf?.sequence ?? -1] as Emission
      expect(eventsOf(repeat)).toEqual(eventsOf(original))
      expect(original.sendAtMs).toBe(repeat.truth.duplicateOf?.sendAtMs)
      expect(repeat.sendAtMs).toBeGreaterThan(original.sendAtMs)
      expect(repeat.truth.uniqueEvents).toBe(0)
    }
  })

  it('says how many events a receiver that drops repeats and broken ones counts', () => {
    const known = ['page', 'screen', 'track', 'identify']
    const ids = stream.flatMap(eventsOf).flatMap((event) => {
      const counts = known.includes(event.type) && Number(event.properties?.quantity ?? 1) > 0
      return counts && event.messageId ? [event.messageId] : []
    })
    const expected = stream.reduce((sum, { truth }) => sum + truth.uniqueEvents, 0)
    expect(new Set(ids).size).toBe(expected)
  })

  it('sets the clocks of the stated share of visitors off, timestamps and sentAt alike', () => {
    const visitors = groupBy(
      shopping.filter((emission) => eventsOf(emission)[0]?.event !== 'Order Refunded'),
      (emission) => String(eventsOf(emission)[0]?.anonymousId),
    )
    const skewed = visitors.filter(([first]) => first?.truth.skewMs !== 0)
    expectShare(skewed.length, visitors.length, usualDirt.skewedDeviceShare)
    const off = stream.filter(({ body, sendAtMs, truth }) => {
      return Date.parse(body.sentAt) !== sendAtMs + truth.skewMs
    })
    expect(off).toEqual([])
    for (const { truth } of skewed.flat()) {
      expect(Math.abs(truth.skewMs)).toBeGreaterThanOrEqual(usualDirt.skewMsMin)
      expect(Math.abs(truth.skewMs)).toBeLessThanOrEqual(usualDirt.skewMsMax)
    }
  })

  it('writes the time a live event has within seconds of its sending', () => {
    const held = firstSendings
      .filter(({ truth }) => !truth.late)
      .flatMap((emission) =>
        eventsOf(emission).map(({ timestamp }) => {
          return emission.sendAtMs - (Date.parse(timestamp) - emission.truth.skewMs)
        }),
      )
    expect(held.filter((ms) => ms < 0 || ms > 5000)).toEqual([])
  })

  it('lets the stated share of arrivals be crawlers, too fast to be people', () => {
    const arrivals = visitsOf(firstSendings)
    const bots = arrivals.filter(({ truth }) => truth.bot)
    expect(bots.length).toBeGreaterThan(3)
    expectShare(bots.length, arrivals.length, usualDirt.botShare)
    const crawls = groupBy(
      firstSendings.filter(({ truth }) => truth.bot),
      ({ truth }) => truth.visit,
    )
    for (const crawl of crawls.filter(({ length }) => length >= 100)) {
      const minutes = ((crawl.at(-1)?.sendAtMs ?? 0) - (crawl[0]?.sendAtMs ?? 0)) / 60_000
      expect(crawl.length / minutes).toBeGreaterThan(usualDirt.botViewsPerMinuteMin - 5)
      expect(crawl.length / minutes).toBeLessThan(usualDirt.botViewsPerMinuteMax * 1.05)
      const { userAgent = 'none' } = eventsOf(crawl[0] as Emission)[0]?.context ?? {}
      expect(userAgent).toMatch(/bot|spider|crawler|none/i)
    }
  })

  it('delivers the stated share days late, with the times at which it happened', () => {
    const arrivals = visitsOf(firstSendings)
    const late = firstSendings.filter(({ truth }) => truth.late)
    expectShare(visitsOf(late).length, arrivals.length, usualDirt.lateShare)
    for (const emission of late)
      for (const { timestamp } of eventsOf(emission)) {
        const lateDays = (emission.sendAtMs - Date.parse(timestamp)) / dayMs
        expect(lateDays).toBeGreaterThanOrEqual(usualDirt.lateDaysMin)
        expect(lateDays).toBeLessThan(usualDirt.lateDaysMax + 1)
      }
  })

  it('leaves out the stated share of prices and categories', () => {
    const products = shopping.flatMap(eventsOf).filter(({ properties }) => {
      return properties && 'product_id' in properties
    })
    const lacking = (field: string) =>
      products.filter(({ properties }) => properties?.[field] === undefined).length
    expectShare(lacking('price'), products.length, usualDirt.missingPriceShare)
    expectShare(lacking('category'), products.length, usualDirt.missingCategoryShare)
    const told = shopping.reduce((sum, { truth }) => sum + truth.missingValues, 0)
    expect(told).toBe(lacking('price') + lacking('category'))
  })

  it('breaks the stated share of events, and says which and how', () => {
    const events = shopping.flatMap(eventsOf)
    const breakable = events.filter(({ properties }) => !('order_id' in (properties ?? {})))
    const broken = shopping.reduce((sum, { truth }) => sum + truth.expectedRefusals, 0)
    expectShare(broken, breakable.length, usualDirt.malformedShare)
    for (const emission of stream)
      for (const { index, fault } of emission.truth.malformed) {
        const event = eventsOf(emission)[index]
        if (fault === 'messageId-missing') expect(event).not.toHaveProperty('messageId')
        if (fault === 'quantity-negative') expect(event?.properties?.quantity).toBe(-1)
        if (fault === 'type-unknown') expect(event?.type).toBe('trakc')
      }
  })

  it('is absent when asked to be', () => {
    for (const { truth } of firstEmissions(5000, { dirt: noDirt }))
      expect(truth).toMatchObject({
        bot: false,
        late: false,
        skewMs: 0,
        missingValues: 0,
        expectedRefusals: 0,
      })
  })
})
