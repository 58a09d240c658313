import type { DemandLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import type { Store } from '../../store/store.ts'
import { learningBounds } from './bounds.ts'
import { drawnPages, type Page, readPages, wheel } from './drawn-pages.ts'
import { momentOf } from './moment.ts'
import type { StoredPrice, StoredPrices, StoredPurchase } from './priced-rows.ts'
import type { Heard } from './read-histories.ts'
import { isWordSql, wordSql } from './word-sql.ts'

const dayMs = 24 * 3_600_000

/** Whose a visitor's key is, beside those that are nobody's but their own. */
const personsSql = `SELECT visitor AS device, person AS owner FROM persons WHERE site = {site:String}`
const personSql = (told: string) => `if(whose.owner = '', ${told}.visitor, whose.owner)`

/**
 * Prices that were told by chance, each once: one that is held teaches no second time. Without the amount of its base,
 * the first of the rules that did something, it is no share of anything: a POP of before 2026-11-26 did not send it.
 * What has a longer name than a purchase can say is left out: it would seem never to have been bought.
 */
const pricesSql = (subject: string) => `
  SELECT told.*, ${personSql('told')} AS person, cityHash64({seed:UInt32}, person) % ${wheel} AS place
  FROM (
    SELECT visitor, decision_id AS decisionId, toUnixTimestamp64Milli(at) AS decidedAt,
           if(JSONHas(inputs, 'eventAt'), JSONExtractInt(inputs, 'eventAt'), decidedAt) AS happenedAt,
           ${subject} AS subject, JSONExtractFloat(answer, 'price') AS price,
           JSONExtractString(answer, 'rail') AS rail,
           JSONExtractFloat(effects, 1, 'amount') AS base, JSONExtractRaw(features, 'inputs') AS known
    FROM decisions_once
    WHERE site = {site:String} AND placement = {placement:String} AND kind = 'price'
      AND at > fromUnixTimestamp64Milli({sinceMs:Int64})
      AND JSONExtractString(features, 'variants', {experiment:String}) IN {variants:Array(String)}
      AND JSONType(answer, 'price') != 'Null' AND NOT JSONExtractBool(answer, 'held')
      AND NOT JSONExtractBool(inputs, 'session', 'bot')
      AND JSONExtractString(effects, 1, 'name') = 'base' AND base > 0 AND JSONHas(features, 'inputs')
      AND lengthUTF8(subject) <= ${limits.nameCharactersMax}
  ) AS told
  LEFT JOIN (${personsSql}) AS whose ON whose.device = told.visitor
  ORDER BY person, decidedAt DESC, decisionId
  LIMIT {pricesPerPersonMax:UInt32} BY person`

/** What an event says was bought, by whom and when; the names are of subjects, or of decisions. */
const purchasesSql = (names: string) => `
  SELECT ${personSql('sold')} AS person, sold.happenedAt AS happenedAt, sold.takenAt AS takenAt, sold.names AS names
  FROM (
    SELECT visitor, toUnixTimestamp64Milli(timestamp) AS happenedAt,
           toUnixTimestamp64Milli(received_at) AS takenAt, ${names} AS names
    FROM events_once
    WHERE site = {site:String} AND event = {boughtBy:String} AND NOT bot
      AND timestamp > fromUnixTimestamp64Milli({sinceMs:Int64}) AND notEmpty(names)
  ) AS sold
  LEFT JOIN (${personsSql}) AS whose ON whose.device = sold.visitor`

const namedSql = `if(${isWordSql('properties', '{property:String}')},
  [${wordSql('properties', '{property:String}')}], [])`

/** What is asked of the store: by its decision a purchase is joined whatever the price was of. */
function queriesOf({ decision, subject }: DemandLearning['bought']) {
  const told = pricesSql(decision ? "''" : "JSONExtractString(answer, 'subject')")
  const onPage = `FROM (${told}) WHERE place >= {from:UInt32} AND place < {end:UInt32}`
  const isOnPage = decision
    ? `names[1] IN (SELECT decisionId ${onPage})`
    : `person IN (SELECT person ${onPage})`
  return {
    size: `SELECT uniqExact(person) AS persons, count() AS prices FROM (${told})`,
    prices: `SELECT person, decisionId, decidedAt, happenedAt, subject, price, base, rail, known
      ${onPage}`,
    purchases: `
      SELECT person, happenedAt, takenAt, names
      FROM (${purchasesSql(decision || subject ? namedSql : 'items')}) WHERE ${isOnPage}
      ORDER BY takenAt DESC, happenedAt DESC
      LIMIT {purchasesPerPersonMax:UInt32} BY ${decision ? 'names' : 'person'}`,
  }
}

/** Prices and purchases of persons drawn from the store, whole persons a page. */
export async function readPrices(
  store: Store,
  site: string,
  { placement, byChance, bought }: DemandLearning,
  { untilMs }: Heard,
): Promise<{ readonly visitors: number; readonly pages: AsyncIterable<StoredPrices> }> {
  const { seed, rowsMax, pricesPerPersonMax, purchasesPerPersonMax } = learningBounds
  const { pricesPerPage, days } = learningBounds
  const drawing = {
    ...{ site, seed, placement, ...byChance, boughtBy: bought.event },
    ...{ pricesPerPersonMax, purchasesPerPersonMax },
    ...{ sinceMs: Math.max(0, untilMs - days * dayMs) },
    property: bought.decision ?? bought.subject ?? '',
  }
  const queries = queriesOf(bought)
  const { queryMsMax: timeMaxMs, pageRowsMax, pageBytesMax } = learningBounds
  const [size] = await store.query<Size>(queries.size, drawing, { timeMaxMs })
  const [visitors, prices] = [Number(size?.persons ?? 0), Number(size?.prices ?? 0)]
  const bounds = { timeMaxMs, rowsMax: pageRowsMax, bytesMax: pageBytesMax }
  async function readPage(page: Page): Promise<StoredPrices> {
    const parameters = { ...drawing, ...page }
    const told = await store.query<PriceRow>(queries.prices, parameters, bounds)
    const sold = await store.query<PurchaseRow>(queries.purchases, parameters, bounds)
    const isJudgeable = isAfterUnread(sold, bought)
    return { prices: told.map(priceOf).filter(isJudgeable), purchases: sold.map(purchaseOf) }
  }
  const pages = readPages(drawnPages(prices, rowsMax, pricesPerPage), readPage)
  return { visitors, pages }
}

/**
 * Whether all is known that was bought after a price: of whoever bought more than is read, only from the oldest purchase on
 * that was. Those before it were taken no later, so they are of prices that were told before.
 */
function isAfterUnread(sold: readonly PurchaseRow[], { decision }: DemandLearning['bought']) {
  const knownFrom = new Map<string, number>()
  const read = Map.groupBy(sold, ({ person, names }) => (decision ? names[0] : person) as string)
  for (const [key, purchases] of read) {
    if (purchases.length < learningBounds.purchasesPerPersonMax) continue
    knownFrom.set(key, Math.min(...purchases.map(({ takenAt }) => Number(takenAt))))
  }
  return ({ person, decisionId, at }: StoredPrice) =>
    at > (knownFrom.get(decision ? decisionId : person) ?? Number.NEGATIVE_INFINITY)
}

interface Size {
  readonly persons: number
  readonly prices: number
}

interface PriceRow extends Omit<StoredPrice, 'at'> {
  readonly decidedAt: number
  readonly happenedAt: number
}

function priceOf({ decidedAt, happenedAt, ...row }: PriceRow): StoredPrice {
  const [price, base] = [Number(row.price), Number(row.base)]
  return { ...row, price, base, at: momentOf(Number(decidedAt), Number(happenedAt)) }
}

interface PurchaseRow extends Omit<StoredPurchase, 'at'> {
  readonly takenAt: number
  readonly happenedAt: number
}

function purchaseOf({ person, names, takenAt, happenedAt }: PurchaseRow): StoredPurchase {
  return { person, names, at: momentOf(Number(takenAt), Number(happenedAt)) }
}
