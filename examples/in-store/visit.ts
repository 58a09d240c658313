import type { Client } from '../client.ts'
import { type Item, isRedeemed, type Shopper } from './world.ts'

const minuteMs = 60_000

/** What a shopper was offered, and what came of it. */
export interface Visit {
  readonly shopper: Shopper
  readonly decisionId: string
  readonly offered: Item
  /** As the answer says it: `holdout` is the offer for everybody, `unknown_visitor` a stranger. */
  readonly fallback: string | null
  readonly redeemed: boolean
  readonly accepted: number
  readonly duplicates: number
}

/** The three ids of a shopper; the last is on the loyalty card. */
export const idsOf = ({ number }: Shopper) => ({
  ...{ web: `web-${number}`, app: `app-${number}`, card: `card-${number}` },
})

/** The events of a shopper up to the store, in batches of one device each. */
export function eventsBefore(shopper: Shopper, now: number): object[][] {
  const { web, app, card } = idsOf(shopper)
  const viewed = (device: string, items: readonly Item[], minutesAgo: number) =>
    items.map((item, at) => ({
      ...{ type: 'track', event: 'Product Viewed', anonymousId: device },
      messageId: `${device}-${at}`,
      timestamp: new Date(now - (minutesAgo - at) * minuteMs).toISOString(),
      properties: { product_id: item.id, category: item.aisle },
    }))
  const at = (minutesAgo: number) => new Date(now - minutesAgo * minuteMs).toISOString()
  const identify = { type: 'identify', anonymousId: app, userId: card, timestamp: at(9) }
  const alias = { type: 'alias', previousId: web, userId: card, timestamp: at(8) }
  return [
    viewed(web, shopper.onWeb, 180),
    viewed(app, shopper.inApp, 20),
    ...(shopper.identifies ? [[{ ...identify, messageId: `${app}-identify` }]] : []),
    ...(shopper.identifies && shopper.aliases ? [[{ ...alias, messageId: `${card}-alias` }]] : []),
  ]
}

/** From the web to the till: the beacon brings an offer, and the till says whether it was taken. */
export async function visit(shopper: Shopper, now: number, client: Client): Promise<Visit> {
  let [accepted, duplicates] = [0, 0]
  const send = async (batch: readonly object[]) => {
    const receipt = await client.send(batch)
    if (receipt.rejected[0]) throw new Error(`an event was refused: ${receipt.rejected[0].detail}`)
    accepted += receipt.accepted
    duplicates += receipt.duplicates
    return receipt
  }
  for (const batch of eventsBefore(shopper, now)) {
    await send(batch)
    if (shopper.repeats) await send(batch)
  }
  const { card } = idsOf(shopper)
  const beacon = { type: 'track', event: 'Beacon Seen', userId: card, messageId: `${card}-beacon` }
  const { decisions = [] } = await send([beacon])
  const [decision] = decisions
  const [first] = decision?.items ?? []
  if (!decision || !first) throw new Error('the beacon brought no offer')
  const offered = { id: first.id, aisle: first.category ?? '' }
  const redeemed = isRedeemed(shopper, offered)
  if (redeemed) {
    const properties = { total: 5, products: [{ product_id: offered.id }] }
    const order = { type: 'track', event: 'Order Completed', userId: card, properties }
    await send([{ ...order, messageId: `${card}-order` }])
  }
  const { decisionId, fallback } = decision
  return { shopper, decisionId, offered, fallback, redeemed, accepted, duplicates }
}
