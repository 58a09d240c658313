import type { ProductLine, Properties } from './emission.ts'
import { type Item, toCents } from './item.ts'
import type { Random } from './random.ts'
import type { Shop } from './shop.ts'
import { type Basket, logIn, note, pass, productProperties, turnTo, type Walk } from './walk.ts'

export interface Order {
  readonly orderId: string
  readonly lines: Basket
  readonly completedAtMs: number
}

const freeShippingFrom = 50
const shippingPrice = 4.9
const quantityMean = 1.25
const quantityMax = 5

/** One line an item: who adds it again has it in the basket already. */
export function putIn(walk: Walk, item: Item): void {
  const { random, settings, shop } = walk.world
  const full = walk.basket.length >= settings.limits.basketLinesMax
  if (full || walk.basket.some((line) => line.item === item)) return
  const quantity = Math.min(quantityMax, random.geometric(quantityMean))
  walk.basket.push({ item, quantity })
  const properties = productProperties(shop, item, quantity)
  note(walk, { type: 'track', name: 'Product Added', properties })
}

export function removeSome(walk: Walk): void {
  const { random, settings, shop } = walk.world
  const line = walk.basket[0]
  if (!line || !random.chance(settings.behaviour.removeShare)) return
  walk.basket.shift()
  pass(walk, 0.1)
  const properties = productProperties(shop, line.item, line.quantity)
  note(walk, { type: 'track', name: 'Product Removed', properties })
}

/** From the cart to the payment; most leave on the way. */
export function buy(walk: Walk): Order | undefined {
  const { random, settings, shop } = walk.world
  const { cartViewedShare, checkoutShare, orderShare, loginAtCheckoutShare } = settings.behaviour
  if (walk.basket.length === 0 || !random.chance(cartViewedShare)) return undefined
  turnTo(walk, 'Cart', '/cart')
  const products = productLines(walk.basket)
  note(walk, { type: 'track', name: 'Cart Viewed', properties: { products } })
  if (!random.chance(checkoutShare)) return undefined
  pass(walk, 0.5)
  turnTo(walk, 'Checkout', '/checkout')
  if (!walk.visitor.userId && random.chance(loginAtCheckoutShare)) logIn(walk)
  const order = newOrder(walk.basket, walk.atMs, random)
  const properties = orderProperties(shop, order)
  note(walk, { type: 'track', name: 'Checkout Started', properties })
  if (!random.chance(orderShare)) return undefined
  pass(walk, 1)
  note(walk, { type: 'track', name: 'Order Completed', properties })
  return { ...order, completedAtMs: Math.round(walk.atMs) }
}

export function newOrder(lines: Basket, completedAtMs: number, random: Random): Order {
  return { orderId: `order-${random.uuid().slice(0, 18)}`, lines: [...lines], completedAtMs }
}

/** Shipping makes the difference between what the goods earn (revenue) and what is paid (total). */
export function orderProperties(shop: Shop, order: Order): Properties {
  const revenue = goodsPrice(order.lines)
  const shipping = revenue < freeShippingFrom ? shippingPrice : 0
  return {
    order_id: order.orderId,
    products: productLines(order.lines),
    revenue,
    shipping,
    total: toCents(revenue + shipping),
    currency: shop.currency,
  }
}

/** One line comes back, seldom the whole order. */
export function refundProperties(shop: Shop, order: Order, random: Random): Properties {
  const lines = [random.pick(order.lines)]
  return {
    order_id: order.orderId,
    products: productLines(lines),
    total: goodsPrice(lines),
    currency: shop.currency,
  }
}

function goodsPrice(lines: Basket): number {
  return toCents(lines.reduce((sum, { item, quantity }) => sum + item.price * quantity, 0))
}

function productLines(lines: Basket): ProductLine[] {
  return lines.map(({ item, quantity }) => ({
    product_id: item.id,
    name: item.name,
    category: item.category,
    price: item.price,
    quantity,
  }))
}
