import { type Order, refundProperties } from './basket.ts'
import { type Delivery, deliverLate, deliverLive } from './delivery.ts'
import { type Floor, nextVisit, plan } from './floor.ts'
import { crawl, offlineVisit } from './odd-visits.ts'
import { planVisit } from './visit.ts'
import type { Visitor } from './visitors.ts'
import type { Fact, World } from './walk.ts'
import { spoil, writeEvent } from './write-event.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const refundAfterSigma = 0.5

/** Arrivals are a Poisson process at the rate of the peak, thinned to the hour's share of it. */
export function admit(floor: Floor, atMs: number): void {
  const { random, settings } = floor.world
  const { dayWaveDepth, dayWavePeakHourUtc } = settings.behaviour
  const peak = 1 + dayWaveDepth
  floor.arrivalAtMs += random.exponential(floor.gapMsMean / peak)
  const hour = atMs / hourMs - dayWavePeakHourUtc
  const share = (1 + dayWaveDepth * Math.cos((2 * Math.PI * hour) / 24)) / peak
  const room = floor.outbox.size() < settings.limits.emissionsHeldMax
  if (random.chance(share) && room) enter(floor, Math.round(atMs))
}

function enter(floor: Floor, atMs: number): void {
  const { botShare, lateShare } = floor.world.settings.dirt
  const kind = floor.world.random.unit()
  if (kind < botShare) crawlThrough(floor, atMs)
  else if (kind < botShare + lateShare) comeOnline(floor, atMs)
  else shopAround(floor, atMs)
}

function shopAround(floor: Floor, atMs: number): void {
  const { world } = floor
  const visitor = floor.pool.arriving(atMs)
  const { facts, order } = planVisit(world, visitor, atMs)
  const write = (fact: Fact) => {
    return spoil(writeEvent(fact, visitor, world.random), world.settings.dirt, world.random)
  }
  const delivery = { visitor, write, truth: nextVisit(floor) }
  plan(floor, visitor, deliverLive(delivery, facts, sdkOf(world)))
  if (order) mayComeBack(floor, visitor, order)
}

function crawlThrough(floor: Floor, atMs: number): void {
  const { visitor, facts } = crawl(floor.world, atMs)
  const delivery = cleanDelivery(floor, visitor, { bot: true })
  plan(floor, visitor, deliverLive(delivery, facts, sdkOf(floor.world)))
}

function comeOnline(floor: Floor, atMs: number): void {
  const { visitor, facts } = offlineVisit(floor.world, atMs)
  const delivery = cleanDelivery(floor, visitor, { late: true })
  const eventsMax = floor.world.settings.limits.eventsPerLateBatchMax
  plan(floor, visitor, deliverLate(delivery, facts, { sendAtMs: atMs, eventsMax }))
}

function mayComeBack(floor: Floor, visitor: Visitor, order: Order): void {
  const { random, settings } = floor.world
  const { behaviour, limits } = settings
  const full = floor.refunds.size() >= limits.refundsHeldMax
  if (full || !random.chance(behaviour.refundShare)) return
  const days = random.logNormal(behaviour.refundAfterDaysMedian, refundAfterSigma)
  const afterMs = Math.round(Math.min(limits.refundAfterDaysMax, days) * dayMs)
  floor.refunds.put(order.completedAtMs + afterMs, { visitor, order })
}

/** Written by the back office for the visitor, by a true clock, and not in the middle of a visit. */
export function refund(floor: Floor, dueAtMs: number): void {
  const { shop, random } = floor.world
  const { visitor, order } = floor.refunds.take()
  const sendAtMs = Math.max(dueAtMs, visitor.busyUntilMs + 1)
  const fact: Fact = {
    atMs: sendAtMs,
    type: 'track',
    name: 'Order Refunded',
    properties: refundProperties(shop, order, random),
    path: '',
    title: '',
    ...(visitor.userId && { userId: visitor.userId }),
  }
  const office: Visitor = { ...visitor, device: { kind: 'till', skewMs: 0 } }
  const emissions = deliverLate(cleanDelivery(floor, office, {}), [fact], {
    sendAtMs,
    eventsMax: 1,
  })
  plan(floor, visitor, emissions)
}

function cleanDelivery(
  floor: Floor,
  visitor: Visitor,
  oddity: { readonly bot?: true; readonly late?: true },
): Delivery {
  const write = (fact: Fact) => writeEvent(fact, visitor, floor.world.random)
  return { visitor, write, truth: { ...nextVisit(floor), ...oddity } }
}

function sdkOf({ settings }: World) {
  const flushAfterMs = settings.behaviour.flushAfterMs * settings.timeScale
  return { flushAfterMs, eventsMax: settings.limits.eventsPerBatchMax }
}
