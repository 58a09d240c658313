import { buy, type Order, putIn, removeSome } from './basket.ts'
import type { Item } from './item.ts'
import type { Visitor } from './visitors.ts'
import {
  type Fact,
  logIn,
  note,
  pass,
  productProperties,
  turnTo,
  type Walk,
  type World,
} from './walk.ts'

export interface Visit {
  readonly facts: readonly Fact[]
  readonly order?: Order
}

// The recommendations are asked for first and the tracker loads after them, as on pages that care for speed.
const pageAfterViewMs = 60

/** One visit from the front page to leaving or paying, planned as a whole: its length has a bound. */
export function planVisit(world: World, visitor: Visitor, startAtMs: number): Visit {
  const walk = { world, visitor, facts: [], basket: [], atMs: startAtMs, path: '/', title: 'Home' }
  const { behaviour, limits } = world.settings
  arrive(walk)
  let item = world.demand.first(visitor.taste, startAtMs)
  const views = Math.min(
    limits.viewsPerVisitMax,
    world.random.geometric(behaviour.viewsPerVisitMean),
  )
  for (let left = views; left > 0; left--) {
    look(walk, item)
    item = world.demand.next(item)
  }
  const order = buy(walk)
  return { facts: walk.facts, ...(order && { order }) }
}

function arrive(walk: Walk): void {
  const { behaviour } = walk.world.settings
  turnTo(walk, 'Home', '/')
  if (!walk.visitor.userId && walk.world.random.chance(behaviour.loginAtStartShare)) logIn(walk)
  pass(walk, 0.3)
}

function look(walk: Walk, item: Item): void {
  const { random, settings } = walk.world
  if (random.chance(settings.behaviour.searchShare)) search(walk, item)
  walk.path = `/products/${item.id}`
  walk.title = item.name
  const viewed = productProperties(walk.world.shop, item, 1)
  note(walk, { type: 'track', name: 'Product Viewed', properties: viewed, asksAbout: item.id })
  walk.atMs += pageAfterViewMs
  turnTo(walk, item.name, walk.path)
  pass(walk, 0.7)
  if (item.inStock && random.chance(settings.behaviour.addShare)) putIn(walk, item)
  removeSome(walk)
  pass(walk, 0.3)
}

function search(walk: Walk, item: Item): void {
  turnTo(walk, 'Search', '/search')
  const query = item.name.toLowerCase().split(' ').slice(1, 3).join(' ')
  note(walk, { type: 'track', name: 'Products Searched', properties: { query } })
  pass(walk, 0.2)
}
