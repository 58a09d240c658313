import { buildDemandModel } from '#models/demand-price/graph.ts'
import { type PriceGrid, trainDemand } from '#models/demand-price/train.ts'
import { columnsOf, type Feature } from '#shared/tabular/feature.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { type Client, exampleSite } from '../client.ts'
import { advances, routeNames } from './world.ts'

const number = (name: string): Feature => ({
  ...{ name, from: `event.${name}`, type: 'number', imputed: 0 },
})

/** What the price may depend on: nothing of who is asking. */
const features: Feature[] = [
  ...['days', 'load', 'party'].map(number),
  { name: 'advance', from: 'event.advance', type: 'text', categories: [...advances] },
  { name: 'route', from: 'event.route', type: 'text', categories: routeNames },
]
export const declaration = { family: 'tabular', features, scoreAt: 0 } as const

const grid: PriceGrid = { from: 0.6, to: 2.5, step: 0.05 }

/** A fare that was shown, and whether the same visitor booked it. */
const shownSql = `
  SELECT shown.properties AS properties, shown.price AS price, booked.search != '' AS bought
  FROM (
    SELECT properties, JSONExtractString(properties, 'search') AS search,
           JSONExtractFloat(properties, 'price') AS price
    FROM events_once WHERE site = '${exampleSite}' AND event = 'Fare Shown' AND NOT bot
    ORDER BY timestamp, search
  ) AS shown
  LEFT JOIN (
    SELECT DISTINCT JSONExtractString(properties, 'search') AS search
    FROM events_once WHERE site = '${exampleSite}' AND event = 'Booking Completed'
  ) AS booked ON booked.search = shown.search`

interface ShownRow {
  readonly properties: string
  readonly price: number
  readonly bought: number | boolean
}

/** Learns from the store which prices were paid; the file is what a release ships. */
export async function learnDemand(client: Client) {
  const rows = await client.query<ShownRow>(shownSql)
  const events = rows.map(({ properties }) => JSON.parse(properties) as Record<string, unknown>)
  const encoded = events.map(rowOfEvent)
  const columns = columnsOf(features).length
  const cells = new Float32Array(rows.length * columns)
  for (const [at, row] of encoded.entries()) cells.set(row, at * columns)
  const labels = Uint8Array.from(rows, ({ bought }) => (Number(bought) ? 1 : 0))
  const prices = rows.map(({ price }, at) => price / Number(events[at]?.fare))
  const model = trainDemand({ columns, rows: cells, labels }, prices, grid)
  return {
    model: buildDemandModel(model),
    searches: rows.length,
    bought: labels.reduce((sum, label) => sum + label, 0),
  }
}

/** As the POP makes it of the event that sets a price off. */
export function rowOfEvent(event: Readonly<Record<string, unknown>>): Float32Array {
  const time = { hour: 0, minute: 0, weekday: 1 }
  const facts = { session: null, totals: {} as never, event, context: {}, time }
  return encodeFeatures(features, readFeatures(features, facts))
}

/** Before anything was learned: the published fare. */
export function unknownDemand(): Uint8Array {
  const columns = columnsOf(features).length
  return buildDemandModel({
    ...{ weights: new Float32Array(columns), bias: new Float32Array(1) },
    ...{ priceWeights: new Float32Array(columns), priceBias: new Float32Array(1) },
    prices: Float32Array.of(1),
  })
}
