import { setImmediate as othersTurn } from 'node:timers/promises'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import { interactionEvents } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import type { ItemFacts } from '#shared/policy.ts'
import type { Store } from '../store/store.ts'
import { itemsThatFit } from './items-that-fit.ts'

/** What a model of a site is trained from: sessions in dense item numbers, and what is known of each item. */
export interface TrainingData {
  /** In the order of their numbers: the most viewed first. */
  readonly catalogue: readonly ItemFacts[]
  /** Items for which the catalogue had no room, and which no session has. */
  readonly itemsLeftOut: number
  readonly sessions: TrainingSessions
}

/** What one training may hold in memory; the most recent sessions and the most viewed items are kept. */
export const trainingBounds = {
  sessionsMax: 500_000,
  itemsMax: 200_000,
  /** Half of a release, deflated, with what the model keeps of each item; the other half is for what sessions teach. */
  catalogueBytesMax: 5_000_000,
  timeMaxMs: 120_000,
} as const

/** Interactions of people, by item. Bots never teach a model. */
const interactions = `
  SELECT visitor, session, timestamp, epoch, sequence, position, item
  FROM events_once ARRAY JOIN items AS item
  WHERE site = {site:String} AND event IN {interactions:Array(String)} AND NOT bot`

/** Dense numbers: the most viewed item is 0. Counted by the store, so that a cluster does it. */
const vocabulary = `
  SELECT item, row_number() OVER (ORDER BY count() DESC, item) - 1 AS number
  FROM (${interactions}) GROUP BY item ORDER BY number LIMIT {itemsMax:UInt32}`

/** How many visitors are asked what an item is: a change is known when half of so many have seen it. */
const witnessesMax = 25

/** What most of the newest visitors say who say anything; of equals the newest word. */
function mostSaid(fact: string): string {
  return `
    arrayMap(said -> said.2, groupArraySortedIf(${witnessesMax})(
      (-toUnixTimestamp64Milli(at), assumeNotNull(said_${fact})), isNotNull(said_${fact}))) AS ${fact}s,
    if(empty(${fact}s), NULL, arraySort(
      value -> (-countEqual(${fact}s, value), indexOf(${fact}s, value)), arrayDistinct(${fact}s))[1]) AS ${fact}`
}

/** What is said of an item in words, as long as a name may be: anybody may send more. */
function wordsOf(property: string): string {
  return `nullIf(leftUTF8(JSONExtractString(properties, '${property}'), ${limits.nameCharactersMax}), '')`
}

/** Each visitor has one voice, its latest word: whoever sends alone, however much, changes nothing for the rest. */
const facts = `
  SELECT item, ${['name', 'category', 'price', 'available'].map(mostSaid).join()}
  FROM (
    SELECT items[1] AS item, max(timestamp) AS at,
           argMax(${wordsOf('name')}, timestamp) AS said_name,
           argMax(${wordsOf('category')}, timestamp) AS said_category,
           argMax(toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(properties, 'price'))), timestamp) AS said_price,
           argMax(JSONExtract(properties, 'in_stock', 'Nullable(Bool)'), timestamp) AS said_available
    FROM events_once
    WHERE site = {site:String} AND event IN {interactions:Array(String)} AND NOT bot
      AND length(items) = 1
    GROUP BY item, visitor
  )
  GROUP BY item`

const catalogueSql = `
  SELECT vocabulary.item AS id, facts.name AS name, facts.category AS category,
         facts.price AS price, facts.available AS available
  FROM (${vocabulary}) AS vocabulary
  LEFT JOIN (${facts}
  ) AS facts ON facts.item = vocabulary.item
  ORDER BY vocabulary.number`

/** Runs of the same item are one interest: arrayCompact is what `appendItem` does at the POP. */
const sessionsSql = `
  SELECT toUnixTimestamp64Milli(max(timestamp)) AS endsAtMs,
         arraySlice(arrayCompact(arrayMap(click -> click.5, arraySort(groupArray(
           (timestamp, epoch, sequence, position, item))))), -{sessionItemsMax:Int32}) AS items
  FROM (${interactions}) AS clicks
  GROUP BY visitor, session
  ORDER BY endsAtMs DESC, visitor, session LIMIT {sessionsMax:UInt32}`

/** Reads the training data of one site from the store. */
export async function readTrainingData(store: Store, site: string): Promise<TrainingData> {
  const parameters = {
    site,
    interactions: interactionEvents,
    itemsMax: trainingBounds.itemsMax,
    sessionsMax: trainingBounds.sessionsMax,
    sessionItemsMax: limits.sessionItemsMax,
  }
  const { timeMaxMs, itemsMax, sessionsMax, catalogueBytesMax } = trainingBounds
  const viewed = await store.query<CatalogueRow>(catalogueSql, parameters, {
    rowsMax: itemsMax,
    timeMaxMs,
  })
  const sessions = await store.query<SessionRow>(sessionsSql, parameters, {
    rowsMax: sessionsMax,
    timeMaxMs,
  })
  const catalogue = await itemsThatFit(viewed.map(factsOf), catalogueBytesMax)
  return {
    catalogue,
    itemsLeftOut: viewed.length - catalogue.length,
    sessions: await flatten(sessions.toReversed(), catalogue),
  }
}

/** What else the hub does has its turn between so many. */
const sessionsAtOnce = 20_000

interface CatalogueRow {
  readonly id: string
  readonly name: string | null
  readonly category: string | null
  readonly price: number | null
  readonly available: boolean | null
}

interface SessionRow {
  readonly endsAtMs: number
  readonly items: readonly string[]
}

function factsOf(row: CatalogueRow): ItemFacts {
  return {
    id: row.id,
    ...(row.name && { name: row.name }),
    ...(row.category && { category: row.category }),
    ...(row.price !== null && { price: row.price }),
    ...(row.available !== null && { available: row.available }),
  }
}

/**
 * Puts sessions end to end in dense numbers. A session may hold an item that the catalogue does not, for it had no
 * room or came between the two queries: it is as if it had not been seen.
 */
async function flatten(
  rows: readonly SessionRow[],
  catalogue: readonly { readonly id: string }[],
): Promise<TrainingSessions> {
  const numbers = new Map(catalogue.map(({ id }, number) => [id, number]))
  const items: number[] = []
  const sessionOffsets = new Int32Array(rows.length + 1)
  for (const [session, row] of rows.entries()) {
    const begin = items.length
    for (const item of row.items) {
      const number = numbers.get(item)
      const isRun = items.length > begin && items.at(-1) === number
      if (number !== undefined && !isRun) items.push(number)
    }
    sessionOffsets[session + 1] = items.length
    if (session % sessionsAtOnce === 0) await othersTurn()
  }
  const sessionEndsAtMs = Float64Array.from(rows, (row) => Number(row.endsAtMs))
  return {
    itemsTotal: catalogue.length,
    items: Int32Array.from(items),
    sessionOffsets,
    sessionEndsAtMs,
  }
}
