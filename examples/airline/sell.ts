import type { BatchReceipt, Client, Decided } from '../client.ts'
import { rails } from './policy.ts'
import { type AddOn, revenueOf, type Search } from './world.ts'

/** Three prices and an add-on are set off by one traveller; a request sets off 50 decisions at most. */
const searchesPerRequest = 15
const requestsAtOnce = 4
/** Where nobody books. */
const nothingSent: BatchReceipt = { accepted: 0, duplicates: 0, rejected: [] }

/** What was asked on one search, by placement, and the add-on that was offered to whoever booked. */
export interface Sale {
  readonly search: Search
  readonly prices: Readonly<Record<Priced, number>>
  readonly addOn: AddOn | null
}
const priced = ['fare', 'ladder', 'published'] as const
export type Priced = (typeof priced)[number]

/** Sends searches, and books for whoever finds the fare that they set off worth it. */
export async function sell(
  searches: readonly Search[],
  atMs: (number: number) => number,
  client: Client,
): Promise<{ readonly sales: readonly Sale[]; readonly events: number }> {
  const sales: Sale[] = []
  let events = 0
  const requests = Math.ceil(searches.length / searchesPerRequest)
  const starts = Array.from({ length: requests }, (_, at) => at * searchesPerRequest).values()
  const seller = async () => {
    for (const start of starts) {
      const part = searches.slice(start, start + searchesPerRequest)
      const timeOf = (search: Search) => atMs(start + part.indexOf(search))
      const asked = await client.send(part.map((search) => searched(search, timeOf(search), 0)))
      const prices = pricesOf(asked)
      const bookings = part.flatMap((search) => {
        const price = prices.get(search.visitor)?.fare?.price ?? Number.NaN
        if (revenueOf(search, price) === 0) return []
        return [eventOf('Booking Completed', search, timeOf(search) + 60_000, { price })]
      })
      const booked: BatchReceipt = bookings.length > 0 ? await client.send(bookings) : nothingSent
      events += asked.accepted + booked.accepted
      const offers = new Map(booked.decisions?.map((each) => [searchOfId(each.messageId), each]))
      for (const search of part) {
        const own = prices.get(search.visitor)
        if (own === undefined) throw new Error(`no price was told to ${search.visitor}`)
        sales.push({
          search,
          prices: {
            ...{ fare: own.fare?.price ?? Number.NaN, ladder: own.ladder?.price ?? Number.NaN },
            published: own.published?.price ?? Number.NaN,
          },
          addOn: (offers.get(search.visitor)?.answer.offer ?? null) as AddOn | null,
        })
      }
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, seller))
  return { sales, events }
}

interface Told {
  readonly price: number
  readonly held: boolean
}

/** Searches once more, as a traveller does who thinks it over: the fuller flight must not cost the same traveller more. */
export async function searchAgain(
  searches: readonly Search[],
  time: number,
  client: Client,
): Promise<ReadonlyMap<string, Partial<Record<Priced, Told>>>> {
  const all = new Map<string, Partial<Record<Priced, Told>>>()
  for (let start = 0; start < searches.length; start += searchesPerRequest) {
    const part = searches.slice(start, start + searchesPerRequest)
    const later = part.map((search) => searched({ ...search, load: 0.99 }, Date.now(), time))
    for (const [visitor, told] of pricesOf(await client.send(later))) all.set(visitor, told)
  }
  return all
}

/** A price that leaves its rails, and there must be none. */
export function isOffRails(price: number): boolean {
  const { floor, ceiling, step } = rails
  return !(
    price >= floor &&
    price <= ceiling &&
    Math.abs(price / step - Math.round(price / step)) < 1e-9
  )
}

function pricesOf({ decisions = [] }: BatchReceipt) {
  const byVisitor = new Map<string, Partial<Record<Priced, Told>>>()
  for (const { messageId, placement, answer } of decisions as readonly Decided[]) {
    if (!priced.includes(placement as Priced)) continue
    const visitor = searchOfId(messageId)
    byVisitor.set(visitor, { ...byVisitor.get(visitor), [placement]: answer as unknown as Told })
  }
  return byVisitor
}

const searchOfId = (messageId: string) => messageId.split('/')[0] as string

function searched(search: Search, at: number, time: number) {
  return eventOf('Fare Searched', search, at, { time })
}

function eventOf(event: string, search: Search, at: number, more: object) {
  const { visitor, flight, route, fare, days, advance, load, party, nights } = search
  const time = 'time' in more ? `/${more.time}` : ''
  return {
    ...{ type: 'track', event, messageId: `${visitor}/${event}${time}` },
    ...{ anonymousId: visitor, timestamp: new Date(at).toISOString() },
    properties: {
      ...{ search: visitor, flight, route, fare, days, advance, load, party, nights },
      ...more,
    },
  }
}
