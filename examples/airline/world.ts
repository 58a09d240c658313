import { at, type Random, seededRandom, weightedDraw } from '#hub/synthetic/random.ts'

/** A fare search as a website sends it; the traveller's willingness to pay is known here alone. */
export interface Search {
  readonly visitor: string
  readonly flight: string
  readonly route: string
  /** The published fare for one, before any rule. */
  readonly fare: number
  readonly days: number
  readonly advance: Advance
  /** Of the seats of the flight, how many are sold. */
  readonly load: number
  readonly party: number
  readonly nights: number
  /** What one seat is worth to this traveller, in shares of the fare: the truth that no model sees. */
  readonly worth: number
  /** The same of each add-on, in money. */
  readonly worthOf: Readonly<Record<AddOn, number>>
}

export const advances = ['0-2', '3-6', '7-13', '14-29', '30+'] as const
export type Advance = (typeof advances)[number]

/** Prices of what is sold beside the seat. */
export const addOns = { bag: 30, seat: 12, lounge: 40 } as const
export type AddOn = keyof typeof addOns

interface Route {
  readonly name: string
  readonly fare: number
  /** Share of travellers on business among those who look a month ahead. */
  readonly business: number
}

const routes: readonly Route[] = [
  { name: 'BER-LIS', fare: 120, business: 0.06 },
  { name: 'FRA-LHR', fare: 150, business: 0.4 },
  { name: 'CPH-ZRH', fare: 130, business: 0.3 },
  { name: 'VIE-PMI', fare: 90, business: 0.02 },
]
export const routeNames = routes.map(({ name }) => name)

const searchedDays = weightedDraw(Array.from({ length: 60 }, (_, day) => 1 / (day + 4)))
const leisureParty = weightedDraw([3, 5, 2, 2])

/** Travellers who search, one after the other; the same seed makes the same. */
export function* searches(seed: number, name: string): Generator<Search> {
  const random = seededRandom(seed)
  for (let number = 0; ; number++) yield searchOf(`${name}-${number}`, random)
}

function searchOf(visitor: string, random: Random): Search {
  const route = random.pick(routes)
  const days = searchedDays(random)
  const isBusiness = random.chance(businessShare(route, days))
  const party = isBusiness ? 1 : 1 + leisureParty(random)
  const nights = isBusiness ? random.integer(0, 2) : random.integer(1, 14)
  // A flight that is sought after is full, and whoever looks for it wants to fly at that time.
  const wanted = random.normal()
  const load = Math.min(0.99, Math.max(0.05, 0.85 - days * 0.009 + 0.12 * wanted))
  return {
    ...{ visitor, flight: `${route.name}-${days}`, route: route.name, fare: route.fare },
    ...{ days, advance: advanceOf(days), load: Number(load.toFixed(3)), party, nights },
    worth: random.logNormal(medianWorth(isBusiness, wanted), isBusiness ? 0.35 : 0.3),
    worthOf: {
      bag: random.logNormal(nights > 3 ? 32 : 9, 0.5),
      seat: random.logNormal(party > 1 ? 13 : 7, 0.5),
      lounge: random.logNormal(isBusiness ? 36 : 8, 0.5),
    },
  }
}

/** The nearer the departure, the more of those who look have to fly. */
function businessShare({ business }: Route, days: number): number {
  return Math.min(0.95, business + 0.8 * Math.exp(-days / 6))
}

function medianWorth(isBusiness: boolean, wanted: number): number {
  return (isBusiness ? 2.6 : 1.15) * Math.exp(0.2 * wanted)
}

export function advanceOf(days: number): Advance {
  const bounds = [3, 7, 14, 30, Number.POSITIVE_INFINITY]
  return at(
    advances,
    bounds.findIndex((bound) => days < bound),
  )
}

/** What a price brings: nothing where it is above what the seat is worth. */
export function revenueOf({ worth, fare, party }: Search, price: number): number {
  return price <= worth * fare ? price * party : 0
}

/** The highest price at which each traveller buys: what nobody can reach who does not read minds. */
export function revenueMax({ worth, fare, party }: Search): number {
  return worth * fare * party
}

export function addOnRevenueOf({ worthOf }: Search, addOn: AddOn): number {
  return addOns[addOn] <= worthOf[addOn] ? addOns[addOn] : 0
}
