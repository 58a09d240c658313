/** Budgets of offers in the registry: what is granted, to whom, and which codes went with it. */

import { setImmediate } from 'node:timers/promises'
import { and, asc, count, desc, eq, gt, inArray, isNull, lte, sql, sum } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import type {
  BudgetOf,
  BudgetState,
  GrantedLease,
  LeaseExchange,
  LeaseOutcome,
} from './registry.ts'
import { offerBudgets, offerCodes, offerLeases } from './schema.ts'

/** A POP gets at most this part of what is left, so that the last ones are spread over many. */
const part = 50
/** The embedded database runs in this thread: so many take it some 10 ms, and then others have their turn. */
const codesAtOnce = 200

type Ask = NonNullable<LeaseExchange['ask']>

/** What a POP is granted of what is left of a budget. */
export function unitsToGrant(left: number, unitsMax: number): number {
  return left < 1 ? 0 : Math.min(unitsMax, Math.max(1, Math.floor(left / part)))
}

/** Exchanges of one budget go one after the other: its row is locked until the transaction ends. */
export async function exchangeLease(
  database: RegistryDatabase,
  exchange: LeaseExchange,
): Promise<LeaseOutcome> {
  const { site, offer, budget, ask, used } = exchange
  return database.transaction(async (transaction) => {
    await transaction.insert(offerBudgets).values({ site, offer, budget }).onConflictDoNothing()
    await transaction.select().from(offerBudgets).where(isBudget(exchange)).for('update')
    for (const each of used) await settle(transaction, exchange, each)
    const lease = ask && (await grant(transaction, exchange, ask))
    return { lease, settled: used.filter(({ closed }) => closed).map((each) => each.lease) }
  })
}

/** Whether there is nothing to write: POPs ask again and again of a budget that is spent. */
export async function isInVain(
  database: RegistryDatabase,
  exchange: LeaseExchange,
): Promise<boolean> {
  const { ask, used } = exchange
  if (used.length > 0) return false
  if (ask === null) return true
  const [[row], known] = await Promise.all([
    database.select().from(offerBudgets).where(isBudget(exchange)),
    database.select().from(offerLeases).where(isLease(exchange, ask.lease)),
  ])
  return known.length === 0 && (row?.granted ?? 0) >= ask.issuesMax
}

/** What a closed lease did not hand out goes back, once, however often it is said. */
async function settle(
  database: RegistryDatabase,
  exchange: LeaseExchange,
  { lease, units, closed }: LeaseExchange['used'][number],
): Promise<void> {
  const [row] = await database
    .update(offerLeases)
    .set({
      used: sql`least(${offerLeases.units}, greatest(${offerLeases.used}, ${units}::bigint))`,
      ...(closed && { closedAt: exchange.at }),
    })
    .where(and(isLease(exchange, lease), isNull(offerLeases.closedAt)))
    .returning({ units: offerLeases.units, used: offerLeases.used })
  const left = row && closed ? row.units - row.used : 0
  if (left === 0) return
  await database
    .update(offerBudgets)
    .set({ granted: sql`${offerBudgets.granted} - ${left}::bigint` })
    .where(isBudget(exchange))
  // They are handed out in their order: the last ones are those that nobody has.
  const unused = database
    .select({ code: offerCodes.code })
    .from(offerCodes)
    .where(isCodeOf(exchange, lease))
    .orderBy(desc(offerCodes.number))
    .limit(left)
  await database
    .update(offerCodes)
    .set({ lease: null })
    .where(and(eq(offerCodes.site, exchange.site), inArray(offerCodes.code, unused)))
}

async function grant(
  database: RegistryDatabase,
  exchange: LeaseExchange,
  { lease, issuesMax, unitsMax, hasCodes }: Ask,
): Promise<GrantedLease | null> {
  const [known] = await database.select().from(offerLeases).where(isLease(exchange, lease))
  if (known) {
    if (known.closedAt !== null) return null
    const codes = await codesOf(database, exchange, lease)
    const { first, units } = known
    return { lease, first, units, codes: codes.length > 0 ? codes : null }
  }
  const [row] = await database.select().from(offerBudgets).where(isBudget(exchange))
  const free = hasCodes ? await freeCodes(database, exchange, unitsMax) : issuesMax
  const units = unitsToGrant(Math.min(issuesMax - (row?.granted ?? 0), free), unitsMax)
  if (units === 0) return null
  const [taken] = await database
    .update(offerBudgets)
    .set({
      granted: sql`${offerBudgets.granted} + ${units}::bigint`,
      next: sql`${offerBudgets.next} + ${units}::bigint`,
    })
    .where(and(isBudget(exchange), lte(offerBudgets.granted, issuesMax - units)))
    .returning({ next: offerBudgets.next })
  if (!taken) return null
  const { site, offer, budget, pop, at } = exchange
  const first = taken.next - units
  await database
    .insert(offerLeases)
    .values({ site, lease, offer, budget, pop, first, units, grantedAt: at })
  return {
    ...{ lease, first, units },
    codes: hasCodes ? await takeCodes(database, exchange, lease, units) : null,
  }
}

async function takeCodes(
  database: RegistryDatabase,
  budget: BudgetOf,
  lease: string,
  units: number,
): Promise<string[]> {
  const free = database
    .select({ code: offerCodes.code })
    .from(offerCodes)
    .where(isFreeCode(budget))
    .orderBy(asc(offerCodes.number))
    .limit(units)
  await database
    .update(offerCodes)
    .set({ lease })
    .where(and(eq(offerCodes.site, budget.site), inArray(offerCodes.code, free)))
  const codes = await codesOf(database, budget, lease)
  // Whoever took them meanwhile did not hold the row of the budget: the transaction is taken back.
  if (codes.length !== units) throw new Error('codes of a budget were taken without its lock')
  return codes
}

async function codesOf(
  database: RegistryDatabase,
  budget: BudgetOf,
  lease: string,
): Promise<string[]> {
  const rows = await database
    .select({ code: offerCodes.code })
    .from(offerCodes)
    .where(isCodeOf(budget, lease))
    .orderBy(asc(offerCodes.number))
  return rows.map(({ code }) => code)
}

/** How many codes nobody has; past what a grant can depend on they are not counted. */
async function freeCodes(
  database: RegistryDatabase,
  budget: BudgetOf,
  unitsMax: number,
): Promise<number> {
  const free = database
    .select({ code: offerCodes.code })
    .from(offerCodes)
    .where(isFreeCode(budget))
    .limit(unitsMax * part)
    .as('free')
  const [row] = await database.select({ codes: count() }).from(free)
  return row?.codes ?? 0
}

/** A statement each, not one transaction: whoever adds the rest again finds these known. */
export async function addOfferCodes(
  database: RegistryDatabase,
  { site, offer, budget }: BudgetOf,
  codes: readonly string[],
): Promise<number> {
  let added = 0
  for (let start = 0; start < codes.length; start += codesAtOnce) {
    await setImmediate()
    const rows = await database
      .insert(offerCodes)
      .values(
        codes.slice(start, start + codesAtOnce).map((code) => ({ site, code, offer, budget })),
      )
      .onConflictDoNothing({ target: [offerCodes.site, offerCodes.code] })
      .returning({ code: offerCodes.code })
    added += rows.length
  }
  return added
}

/** How many codes a budget has; past `limit` they are not counted. */
export async function countOfferCodes(
  database: RegistryDatabase,
  budget: BudgetOf,
  limit: number,
): Promise<number> {
  const codes = database
    .select({ code: offerCodes.code })
    .from(offerCodes)
    .where(isCode(budget))
    .limit(limit)
    .as('codes')
  const [row] = await database.select({ codes: count() }).from(codes)
  return row?.codes ?? 0
}

export async function readOfferBudgets(
  database: RegistryDatabase,
  site: string,
  limit: number,
): Promise<BudgetState[]> {
  const ofLeases = { offer: offerLeases.offer, budget: offerLeases.budget }
  const ofCodes = { offer: offerCodes.offer, budget: offerCodes.budget }
  const [budgets, leases, codes] = await Promise.all([
    database.select().from(offerBudgets).where(eq(offerBudgets.site, site)).limit(limit),
    database
      .select({
        ...ofLeases,
        handedOut: sum(offerLeases.used).mapWith(Number),
        leasesOpen: sql`count(*) filter (where ${offerLeases.closedAt} is null)`.mapWith(Number),
      })
      .from(offerLeases)
      .where(eq(offerLeases.site, site))
      .groupBy(ofLeases.offer, ofLeases.budget)
      .limit(limit),
    database
      .select({
        ...ofCodes,
        codesTotal: count(),
        codesLeft: sql`count(*) filter (where ${offerCodes.lease} is null)`.mapWith(Number),
      })
      .from(offerCodes)
      .where(eq(offerCodes.site, site))
      .groupBy(ofCodes.offer, ofCodes.budget)
      .limit(limit),
  ])
  const states = new Map<string, BudgetState>()
  const none = { granted: 0, handedOut: 0, leasesOpen: 0, codesTotal: 0, codesLeft: 0 }
  for (const { offer, budget, ...found } of [...budgets, ...leases, ...codes]) {
    const key = JSON.stringify([offer, budget])
    const { next: _, ...told } = { next: 0, ...found }
    states.set(key, { ...none, ...states.get(key), ...told, site, offer, budget })
  }
  return [...states.values()]
}

export async function isGranted(
  database: RegistryDatabase,
  budget: BudgetOf,
  number: number,
): Promise<boolean> {
  const [row] = await database
    .select({ offer: offerBudgets.offer })
    .from(offerBudgets)
    .where(and(isBudget(budget), gt(offerBudgets.next, number)))
  return row !== undefined
}

function isBudget({ site, offer, budget }: BudgetOf) {
  return and(
    eq(offerBudgets.site, site),
    eq(offerBudgets.offer, offer),
    eq(offerBudgets.budget, budget),
  )
}

function isLease({ site, offer, budget }: BudgetOf, lease: string) {
  return and(
    eq(offerLeases.site, site),
    eq(offerLeases.lease, lease),
    eq(offerLeases.offer, offer),
    eq(offerLeases.budget, budget),
  )
}

function isFreeCode(budget: BudgetOf) {
  return and(isCode(budget), isNull(offerCodes.lease))
}

function isCodeOf(budget: BudgetOf, lease: string) {
  return and(isCode(budget), eq(offerCodes.lease, lease))
}

function isCode({ site, offer, budget }: BudgetOf) {
  return and(eq(offerCodes.site, site), eq(offerCodes.offer, offer), eq(offerCodes.budget, budget))
}
