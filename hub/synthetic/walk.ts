import type { Demand } from './demand.ts'
import type { Properties } from './emission.ts'
import type { Item } from './item.ts'
import type { Random } from './random.ts'
import type { Settings } from './settings.ts'
import type { Shop } from './shop.ts'
import type { Visitor } from './visitors.ts'

/** What happened, before a device wrote it down. */
export interface Fact {
  readonly atMs: number
  readonly type: 'page' | 'screen' | 'track' | 'identify'
  /** The event of a track, the title of a page or screen. */
  readonly name: string
  readonly properties: Properties
  /** The page it happened on. */
  readonly path: string
  readonly title: string
  readonly userId?: string
  /** The item whose page asks for recommendations. */
  readonly asksAbout?: string
}

export type Basket = { readonly item: Item; readonly quantity: number }[]

export interface World {
  readonly shop: Shop
  readonly demand: Demand
  readonly settings: Settings
  readonly random: Random
}

/** Where a visitor is in a visit. */
export interface Walk {
  readonly world: World
  readonly visitor: Visitor
  readonly facts: Fact[]
  readonly basket: Basket
  atMs: number
  path: string
  title: string
}

export function logIn(walk: Walk): void {
  const { visitor } = walk
  visitor.userId ??= `user-${walk.world.random.uuid().slice(0, 13)}`
  const traits = { email: `${visitor.userId}@shopper.example` }
  note(walk, { type: 'identify', name: '', properties: traits })
}

/** A page for a browser, a screen for an app. */
export function turnTo(walk: Walk, name: string, path: string): void {
  walk.path = path
  walk.title = name
  const type = walk.visitor.device.kind === 'web' ? 'page' : 'screen'
  note(walk, { type, name, properties: type === 'page' ? { path, title: name } : {} })
}

export function note(
  walk: Walk,
  fact: Pick<Fact, 'type' | 'name' | 'properties' | 'asksAbout'>,
): void {
  const { userId } = walk.visitor
  const atMs = Math.round(walk.atMs)
  walk.facts.push({ ...fact, atMs, path: walk.path, title: walk.title, ...(userId && { userId }) })
}

/** Time goes by: so much of a page's dwell, log-normal, never up to the idle limit of a session. */
export function pass(walk: Walk, share: number): void {
  const { random, settings } = walk.world
  const { dwellMsMedian, dwellSigma } = settings.behaviour
  const dwellMs = Math.min(settings.limits.dwellMsMax, random.logNormal(dwellMsMedian, dwellSigma))
  walk.atMs += Math.max(1, dwellMs * share * settings.timeScale)
}

export function productProperties(shop: Shop, item: Item, quantity: number) {
  return {
    product_id: item.id,
    name: item.name,
    category: item.category,
    price: item.price,
    quantity,
    currency: shop.currency,
    in_stock: item.inStock,
  }
}
