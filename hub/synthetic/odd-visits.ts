import { newOrder, orderProperties } from './basket.ts'
import { at } from './random.ts'
import { planVisit } from './visit.ts'
import { crawlerDevice, newVisitor, offlineDevice, type Visitor } from './visitors.ts'
import { type Fact, productProperties, type World } from './walk.ts'

/** A visit by something that is not a shopper with a connection. */
export interface OddVisit {
  readonly visitor: Visitor
  readonly facts: readonly Fact[]
}

const dayMs = 86_400_000
const tillsTotal = 5
const tillShare = 0.5
const tillOrdersMax = 40
const tillOrderEveryMsMean = 180_000
const tillLinesMax = 4

/** Reads the catalogue from somewhere on, page by page, far faster than anybody reads. */
export function crawl(world: World, startAtMs: number): OddVisit {
  const { shop, random, settings } = world
  const { dirt, limits } = settings
  const visitor = newVisitor(0, crawlerDevice(dirt.botUserAgentShare, random), random)
  const views = random.integer(limits.botViewsMin, limits.botViewsMax)
  const first = random.integer(0, shop.items.length - 1)
  const gapMs = 60_000 / random.integer(dirt.botViewsPerMinuteMin, dirt.botViewsPerMinuteMax)
  const facts = Array.from({ length: views }, (_, view): Fact => {
    const item = at(shop.items, (first + view) % shop.items.length)
    const atMs = Math.round(startAtMs + (view + 0.5 * random.unit()) * gapMs)
    const properties = productProperties(shop, item, 1)
    const page = { path: `/products/${item.id}`, title: item.name }
    return { ...page, atMs, type: 'track', name: 'Product Viewed', properties, asksAbout: item.id }
  })
  return { visitor, facts }
}

/**
 * What a till or an app did days ago and can deliver only now. It is made at the moment of delivery, dated back:
 * nothing has to be held for days, and a stream has late events from its first minute.
 */
export function offlineVisit(world: World, deliveredAtMs: number): OddVisit {
  const { random, settings } = world
  const { lateDaysMin, lateDaysMax } = settings.dirt
  const agoMs = dayMs * (lateDaysMin + (lateDaysMax - lateDaysMin) * random.unit())
  // The lateness is that of the youngest event, so the visit has to end, not begin, so long ago.
  const run = random.chance(tillShare) ? tillRun : appVisit
  const { visitor, facts } = run(world, deliveredAtMs)
  const lastAtMs = at(facts, facts.length - 1).atMs
  const shiftMs = Math.round(deliveredAtMs - agoMs) - lastAtMs
  return { visitor, facts: facts.map((fact) => ({ ...fact, atMs: fact.atMs + shiftMs })) }
}

function appVisit(world: World, startAtMs: number): OddVisit {
  const { shop, random } = world
  const visitor = newVisitor(shop.categories.length, offlineDevice('app', random), random)
  const { facts } = planVisit(world, visitor, startAtMs)
  return { visitor, facts }
}

function tillRun({ shop, demand, random }: World, startAtMs: number): OddVisit {
  const anonymousId = `till-${random.integer(1, tillsTotal)}`
  const device = { kind: 'till', skewMs: 0 } as const
  const taste = shop.categories.map(() => 1)
  let atMs = startAtMs
  const facts = Array.from({ length: random.integer(1, tillOrdersMax) }, (): Fact => {
    atMs += Math.ceil(random.exponential(tillOrderEveryMsMean))
    const total = random.integer(1, tillLinesMax)
    const lines = Array.from({ length: total }, () => ({
      item: demand.first(taste, atMs),
      quantity: 1,
    }))
    const properties = orderProperties(shop, newOrder(lines, atMs, random))
    return { atMs, type: 'track', name: 'Order Completed', properties, path: '', title: '' }
  })
  return { visitor: { anonymousId, device, taste, busyUntilMs: 0 }, facts }
}
