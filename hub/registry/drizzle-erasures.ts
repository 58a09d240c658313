/** The erasures of the registry: orders and their confirmations, both only ever added. */

import { and, asc, desc, eq, gte, inArray, or, sql } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import type { Erasure, ErasureConfirmation, ErasureOrder, ErasuresWanted } from './registry.ts'
import { erasureConfirmations, erasures } from './schema.ts'

export async function addErasure(database: RegistryDatabase, order: ErasureOrder): Promise<number> {
  const [row] = await database.insert(erasures).values(order).returning({ number: erasures.number })
  if (!row) throw new Error('the registry gave an order no number')
  return row.number
}

export async function addErasureConfirmation(
  database: RegistryDatabase,
  erasure: number,
  confirmation: ErasureConfirmation,
): Promise<void> {
  await database.insert(erasureConfirmations).values({ erasure, ...confirmation })
}

export async function readErasures(
  database: RegistryDatabase,
  { since, targets, lastTarget }: ErasuresWanted,
  limit: number,
): Promise<Erasure[]> {
  const ofOrder = eq(erasureConfirmations.erasure, erasures.number)
  const confirmations = (what: ReturnType<typeof sql>) =>
    sql`(select ${what} from ${erasureConfirmations} where ${ofOrder}`
  const count = targets.length
    ? sql`${confirmations(sql`count(distinct target)`)} and ${inArray(erasureConfirmations.target, [...targets])})`
    : sql`0`
  const newest = sql`${confirmations(sql`target`)} order by ${erasureConfirmations.number} desc limit 1)`
  const lastAt = sql`${confirmations(sql`max(${erasureConfirmations.at})`)})`
  const orders = await database
    .select()
    .from(erasures)
    .where(
      or(
        gte(erasures.at, since),
        sql`${lastAt} >= ${since.toISOString()}`,
        sql`${count} < ${targets.length}`,
        sql`coalesce(${newest}, '') <> ${lastTarget}`,
      ),
    )
    .orderBy(asc(erasures.number))
    .limit(limit)
  return withConfirmations(database, orders)
}

export async function readErasuresOf(
  database: RegistryDatabase,
  site: string,
  visitor: string,
  limit: number,
): Promise<Erasure[]> {
  const orders = await database
    .select()
    .from(erasures)
    .where(and(eq(erasures.site, site), eq(erasures.visitor, visitor)))
    .orderBy(desc(erasures.number))
    .limit(limit)
  return withConfirmations(database, orders)
}

/** Orders asked for at once: PostgreSQL takes 65,535 parameters a statement. */
const ordersAtOnce = 10_000

async function withConfirmations(
  database: RegistryDatabase,
  orders: readonly Omit<Erasure, 'confirmations'>[],
): Promise<Erasure[]> {
  const found = new Map<number, ErasureConfirmation[]>()
  for (let start = 0; start < orders.length; start += ordersAtOnce) {
    const numbers = orders.slice(start, start + ordersAtOnce).map((order) => order.number)
    const rows = await database
      .select()
      .from(erasureConfirmations)
      .where(inArray(erasureConfirmations.erasure, numbers))
      .orderBy(asc(erasureConfirmations.number))
    for (const { number: _, erasure, ...confirmation } of rows) {
      const known = found.get(erasure)
      if (known) known.push(confirmation)
      else found.set(erasure, [confirmation])
    }
  }
  return orders.map((order) => ({ ...order, confirmations: found.get(order.number) ?? [] }))
}
