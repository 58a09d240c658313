import { clusteredInterval } from '#hub/evaluation/clustered-interval.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import type { LearnedModel } from '#hub/training/learned/learn-models.ts'
import type { Client } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { isExploring, policy } from './policy.ts'
import { isOffRails, type Priced, type Sale, searchAgain, sell } from './sell.ts'
import {
  type AddOn,
  addOnRevenueOf,
  revenueMax,
  revenueOf,
  type Search,
  searches,
} from './world.ts'

const learnedSearches = 6_000
const askedSearches = 3_000
const daysLearned = 30
const dayMs = 86_400_000
const secondSearches = 600

/** A generated airline learns what its travellers would pay, and asks for it within guard rails. */
export const airline: Example = {
  name: 'airline',
  what: 'prices fares by demand within guard rails, and offers add-ons, against a fixed fare and a rule ladder',
  data: null,
  policy,
  async run(client, narrator) {
    const before = await train(client)
    narrator.say(`demand: ${before.outcome}, ${before.reason}; fares are the published ones`)
    const learned = take(learnedSearches, searches(1, 'learned'))
    narrator.say(
      `${learned.length} searches of ${daysLearned} days; four travellers of ten are shown a price by chance …`,
    )
    const startAt = Date.now() - daysLearned * dayMs
    const step = (daysLearned * dayMs) / learnedSearches
    const sold = await sell(learned, (number) => Math.round(startAt + number * step), client)
    await client.untilStored(sold.events)
    // They hold a price that was told before there was a model.
    const holders = sold.sales.slice(-secondSearches)
    const { outcome, reason, figures: learning } = await train(client)
    narrator.say(
      `demand: ${outcome} from ${learning.rows} fares shown by chance, of which ${learning.positives} were booked; ${reason}`,
    )
    const asked = take(askedSearches, searches(2, 'asked'))
    const { sales } = await sell(asked, () => Date.now(), client)
    let heldBreaks = 0
    for (const [time, group] of [holders, sales.slice(0, secondSearches)].entries()) {
      heldBreaks += await breaksOf(group, time + 1, client)
    }
    const all = [...sold.sales, ...sales]
    const offRails = all.flatMap(({ prices }) => Object.values(prices)).filter(isOffRails).length
    const protectedRefused = refusals()
    tell(sales, narrator)
    narrator.say(
      `${all.length * 3} prices, ${offRails} off their rails; ${2 * secondSearches * 3} were asked for twice, ${heldBreaks} changed within their hold; ${protectedRefused} of ${protectedAttempts.length} policies that read a protected attribute were refused`,
    )
    return {
      ...{ faresLearnedFrom: learning.rows ?? 0, searchesPriced: sales.length },
      ...{ demandLogLoss: learning.logLoss ?? null, demandBrier: learning.brier ?? null },
      ...{ demandBaselineLogLoss: learning.baselineLogLoss ?? null },
      ...{ demandBaselineBrier: learning.baselineBrier ?? null },
      ...{ demandCalibrationError: learning.calibrationError ?? null },
      ...figuresOf(sales),
      ...{ prices: all.length * 3, guardRailBreaks: offRails },
      ...{ secondSearches: 2 * secondSearches * 3, heldPriceBreaks: heldBreaks },
      ...{ protectedAttempts: protectedAttempts.length, protectedRefused },
    }
  },
}

/** Has the hub train; answers how the demand was learned, when the POP prices by it. */
async function train(client: Client): Promise<LearnedModel> {
  const { release, models } = await client.retrain()
  await client.untilLive(release, 'published')
  const [demand] = models
  if (demand === undefined) throw new Error('the policy learns no demand')
  return demand
}

async function breaksOf(sales: readonly Sale[], time: number, client: Client): Promise<number> {
  const again = await searchAgain(
    sales.map(({ search }) => search),
    time,
    client,
  )
  return sales.reduce((sum, { search, prices }) => {
    const told = again.get(search.visitor)
    const names = Object.keys(prices) as Priced[]
    return sum + names.filter((name) => told?.[name]?.price !== prices[name]).length
  }, 0)
}

/** Policies whose price, or its model, reads who somebody is: none may be released. */
const protectedAttempts = ['age', 'gender', 'passengerNationality'].flatMap((field) => [
  policy
    .replaceAll('event: { flight: string,', `event: { ${field}: double, flight: string,`)
    .replace('base: event.fare', `base: event.fare + event.${field}`),
  policy.replace('from: event.party', `from: event.${field}`),
])

function refusals(): number {
  return protectedAttempts.filter((text) => !parsePolicy(text).ok).length
}

function take(count: number, from: Generator<Search>): Search[] {
  return Array.from({ length: count }, () => from.next().value as Search)
}

/** Without those who are shown a price by chance: the same searches are held against what the others would have asked. */
function pricedByDemand(sales: readonly Sale[]): Sale[] {
  return sales.filter(({ search }) => !isExploring(search.visitor))
}

const baselines = ['published', 'ladder'] as const

function figuresOf(all: readonly Sale[]) {
  const sales = pricedByDemand(all)
  const revenue = (name: Priced) => intervalOf(sales, (sale) => revenueAt(sale, name))
  const [fare, ladder, published] = [revenue('fare'), revenue('ladder'), revenue('published')]
  const above = baselines.map((name) =>
    intervalOf(sales, (sale) => revenueAt(sale, 'fare') - revenueAt(sale, name)),
  )
  const booked = all.filter(({ addOn }) => addOn !== null)
  const own = intervalOf(booked, ({ search, addOn }) => addOnRevenueOf(search, addOn as AddOn))
  const seat = intervalOf(booked, ({ search }) => addOnRevenueOf(search, 'seat'))
  const gained = intervalOf(
    booked,
    ({ search, addOn }) => addOnRevenueOf(search, addOn as AddOn) - addOnRevenueOf(search, 'seat'),
  )
  return {
    exploringPerSearch: meanOf(
      all.filter(({ search }) => isExploring(search.visitor)),
      (sale) => revenueAt(sale, 'fare'),
    ),
    ...{ revenuePerSearch: fare.mean, publishedPerSearch: published.mean },
    ...{
      ladderPerSearch: ladder.mean,
      worthPerSearch: meanOf(sales, ({ search }) => revenueMax(search)),
    },
    ...{ abovePublished: above[0]?.mean ?? 0, abovePublishedLow: above[0]?.low ?? 0 },
    ...{ abovePublishedHigh: above[0]?.high ?? 0, aboveLadder: above[1]?.mean ?? 0 },
    ...{ aboveLadderLow: above[1]?.low ?? 0, aboveLadderHigh: above[1]?.high ?? 0 },
    ...{ addOnPerBooking: own.mean, seatPerBooking: seat.mean, addOnAboveSeat: gained.mean },
    ...{ addOnAboveSeatLow: gained.low, addOnAboveSeatHigh: gained.high, bookings: booked.length },
  }
}

function tell(all: readonly Sale[], narrator: Narrator): void {
  const sales = pricedByDemand(all)
  const rows = (['fare', 'ladder', 'published'] as const).map((name) => {
    const { mean, low, high } = intervalOf(sales, (sale) => revenueAt(sale, name))
    const booked = sales.filter((sale) => revenueAt(sale, name) > 0).length
    return {
      price: labels[name],
      booked: `${((100 * booked) / sales.length).toFixed(1)} %`,
      ...{ perSearch: mean.toFixed(1), from: low.toFixed(1), to: high.toFixed(1) },
    }
  })
  narrator.table('What does a search bring?', rows)
  const byDays = Map.groupBy(sales, ({ search }) => search.advance)
  narrator.table(
    'By days to departure: price asked for a published fare of 100, and what a search brings',
    [...byDays]
      .sort(([, one], [, other]) => daysOf(one) - daysOf(other))
      .map(([days, own]) => ({
        days,
        searches: own.length,
        asked: meanOf(own, ({ search, prices }) => (100 * prices.fare) / search.fare).toFixed(0),
        ladder: meanOf(own, ({ search, prices }) => (100 * prices.ladder) / search.fare).toFixed(0),
        perSearch: meanOf(own, (sale) => revenueAt(sale, 'fare')).toFixed(1),
        ladderBrings: meanOf(own, (sale) => revenueAt(sale, 'ladder')).toFixed(1),
        publishedBrings: meanOf(own, (sale) => revenueAt(sale, 'published')).toFixed(1),
      })),
  )
  const figures = figuresOf(all)
  narrator.say(
    `travellers who are shown a price by chance bring ${figures.exploringPerSearch.toFixed(1)} a search: that is what learning costs`,
  )
  narrator.table('What does an add-on bring, a booking?', [
    { offered: 'what the trip needs', perBooking: figures.addOnPerBooking.toFixed(2) },
    { offered: 'always the seat', perBooking: figures.seatPerBooking.toFixed(2) },
  ])
}

const labels: Readonly<Record<Priced, string>> = {
  fare: 'by demand',
  ladder: 'rule ladder',
  published: 'published fare',
}

const daysOf = (sales: readonly Sale[]) => sales[0]?.search.days ?? 0
const revenueAt = ({ search, prices }: Sale, name: Priced) => revenueOf(search, prices[name])

function intervalOf(sales: readonly Sale[], of: (sale: Sale) => number) {
  return clusteredInterval(
    sales.map(of),
    sales.map(({ search }) => search.visitor),
  )
}

function meanOf(sales: readonly Sale[], of: (sale: Sale) => number): number {
  return sales.reduce((sum, sale) => sum + of(sale), 0) / Math.max(1, sales.length)
}
