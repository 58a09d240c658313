import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Emission, eventsOf, type ProductLine } from '#hub/synthetic/emission.ts'
import { openShopFloor, simulate } from '#hub/synthetic/shoppers.ts'
import { digest, firstEmissions, groupBy, inTime, shop, startAtMs } from './streams.ts'

const idleMsMax = 30 * 60_000
const commerceEvents = new Set([
  'Product Viewed',
  'Product Added',
  'Product Removed',
  'Cart Viewed',
  'Checkout Started',
  'Order Completed',
  'Products Searched',
])
const stream = firstEmissions(40_000) // of hours, so that nothing has come back yet
const timesOf = (emission: Emission) =>
  eventsOf(emission).map(({ timestamp }) => Date.parse(timestamp))

describe('simulate', () => {
  it('gives the same 5,000 emissions for the same seed, others for another', () => {
    const first = digest(firstEmissions(5000))
    expect(digest(firstEmissions(5000))).toBe(first)
    expect(digest(firstEmissions(5000, { seed: 8 }))).not.toBe(first)
  })

  it('sends in order, numbered, for any seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const emissions = firstEmissions(500, { seed })
        expect(emissions.map(({ truth }) => truth.sequence)).toEqual([...emissions.keys()])
        for (const [index, { sendAtMs }] of emissions.entries())
          expect(sendAtMs).toBeGreaterThanOrEqual(emissions[index - 1]?.sendAtMs ?? startAtMs)
      }),
      { numRuns: 20, seed: 20260105 },
    )
  })

  it('survives JSON unchanged', () => {
    for (const { body } of stream.slice(0, 5000))
      expect(JSON.parse(JSON.stringify(body))).toEqual(body)
  })

  it('asks for recommendations with one view inside, and batches everything else', () => {
    const isView = ({ event }: { event?: string }) => event === 'Product Viewed'
    const wrong = stream.filter(({ kind, body, truth }) => {
      if (kind === 'batch')
        return (
          body.batch.length > (truth.late ? 100 : 20) || (!truth.late && body.batch.some(isView))
        )
      const [view, ...more] = body.events
      const right = view && isView(view) && typeof view.properties?.product_id === 'string'
      return !right || more.length > 0 || view.anonymousId !== body.anonymousId || body.limit !== 8
    })
    expect(wrong).toEqual([])
  })

  it('gives every well-formed event what an event needs', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    const wellFormed = stream.flatMap((emission) => {
      const broken = new Set(emission.truth.malformed.map(({ index }) => index))
      return eventsOf(emission).filter((_, index) => !broken.has(index))
    })
    const lacking = wellFormed.filter(
      (event) =>
        !uuid.test(event.messageId ?? '') ||
        event.anonymousId === '' ||
        new Date(event.timestamp).toISOString() !== event.timestamp ||
        !['page', 'screen', 'track', 'identify'].includes(event.type) ||
        (event.type === 'track' && !commerceEvents.has(event.event ?? '')),
    )
    expect(lacking).toEqual([])
    expect(new Set(wellFormed.flatMap(({ event }) => event ?? []))).toEqual(commerceEvents)
  })

  it('adds an order up: goods, shipping, total', () => {
    const orders = stream.flatMap(eventsOf).filter(({ event }) => event === 'Order Completed')
    expect(orders.length).toBeGreaterThan(100)
    for (const { properties = {} } of orders) {
      const lines = properties.products as readonly ProductLine[]
      const goods = lines.reduce((sum, line) => sum + Number(line.price) * Number(line.quantity), 0)
      expect(Number(properties.revenue)).toBeCloseTo(goods, 6)
      expect(Number(properties.total)).toBeCloseTo(goods + Number(properties.shipping), 6)
    }
  })

  it('keeps a visitor in order, as sent, unless late or repeated', () => {
    const events = stream.filter(inTime).flatMap((emission) =>
      timesOf(emission).map((atMs, index) => ({
        atMs: atMs - emission.truth.skewMs,
        visitor: String(eventsOf(emission)[index]?.anonymousId),
      })),
    )
    for (const visitor of groupBy(events, (event) => event.visitor)) {
      const times = visitor.map(({ atMs }) => atMs)
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }
  })

  it('never lets a visit idle for as long as a session may', () => {
    for (const visit of groupBy(stream.filter(inTime), ({ truth }) => truth.visit)) {
      const times = visit.flatMap(timesOf)
      const gaps = times.map((atMs, index) => atMs - (times[index - 1] ?? atMs))
      expect(Math.max(...gaps)).toBeLessThan(idleMsMax)
    }
  })

  it('holds no more than its bounds, however busy', () => {
    const limits = { emissionsHeldMax: 300, refundsHeldMax: 5, visitorsHeldMax: 40 }
    const floor = openShopFloor({ shop, seed: 2, startAtMs, visitorsPerHour: 100_000, limits })
    const oneVisitMax = 1000
    let most = { emissions: 0, refunds: 0, visitors: 0 }
    for (let left = 30_000; left > 0; left--) {
      floor.next()
      const { emissions, refunds, visitors } = floor.held()
      most = {
        emissions: Math.max(most.emissions, emissions),
        refunds: Math.max(most.refunds, refunds),
        visitors: Math.max(most.visitors, visitors),
      }
    }
    expect(most).toMatchObject({ refunds: 5, visitors: 40 })
    expect(most.emissions).toBeGreaterThanOrEqual(300)
    expect(most.emissions).toBeLessThan(300 + oneVisitMax)
  })

  it('refuses a rate and a scale that cannot be', () => {
    const with_ = (change: object) => () => simulate({ shop, seed: 1, startAtMs, ...change }).next()
    expect(with_({ visitorsPerHour: 0 })).toThrow(/visitorsPerHour/)
    expect(with_({ timeScale: 2 })).toThrow(/timeScale/)
  })
})
