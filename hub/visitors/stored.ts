import { nameInBody } from '#shared/refusal-names.ts'
import type { Erasure } from '../registry/registry.ts'
import type { Store } from '../store/store.ts'
import { erasedEpochs } from './coverage.ts'
import type { VisitorName } from './name.ts'

/** A table of the store that holds something of visitors. */
interface PersonalTable {
  readonly table: string
  /** Its rows without duplicates. */
  readonly view: string
  /** Tells the rows of one visitor apart, and is what they are paged by. */
  readonly key: string
  /** When a row was made. */
  readonly at: string
  /** Which rows are a visitor's. */
  readonly owner: string
  /** Whether it has the columns `pop` and `epoch`. */
  readonly hasEpoch: boolean
}

const ownVisitor = 'site = {site:String} AND visitor = {visitor:String}'

/** Every table with something of visitors; a new one is a line here. */
export const personalTables: readonly PersonalTable[] = [
  {
    ...{ table: 'events', view: 'events_once', key: 'message_id', at: 'received_at' },
    ...{ owner: ownVisitor, hasEpoch: true },
  },
  {
    ...{ table: 'decisions', view: 'decisions_once', key: 'decision_id', at: 'at' },
    ...{ owner: ownVisitor, hasEpoch: true },
  },
  {
    // The log's time, and no epoch: a letter may be of a message that nobody can read.
    ...{ table: 'dead_letters', view: 'dead_letters_once', key: 'id', at: 'at' },
    ...{ owner: ownVisitor, hasEpoch: false },
  },
  {
    ...{ table: 'refusals', view: 'refusals_once', key: 'identity', at: 'at', hasEpoch: false },
    // A refused event has no visitor of its own. Rows of before do not say whose they are: there it is theirs
    // whose id the kept body, or the batch it lay in, names.
    owner: `site = {site:String} AND (has(visitors, {visitor:String})
      OR position(body, {inBody:String}) > 0 OR position(identity, {inIdentity:String}) > 0)`,
  },
]

/** What `owner` of a table asks for. */
export function ownerParameters({ site, visitor }: VisitorName): Record<string, string> {
  const inIdentity = `${JSON.stringify([site, visitor]).slice(1, -1)},`
  return { site, visitor, inBody: nameInBody(visitor), inIdentity }
}

/** A mutation writes anew every part of a table that holds a row of the visitor. */
const statementTimeMaxMs = 60_000

/**
 * Deletes from the store what an order covers, and answers how many rows of each table. Resolves when it
 * is done on every replica; throws a retryable StoreError where that took too long, and goes on there.
 */
export async function eraseStored(order: Erasure, store: Store): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const personal of personalTables) {
    const { sql, parameters } = covered(order, personal)
    const limits = { timeMaxMs: statementTimeMaxMs }
    const [found] = await store.query<{ total: number }>(
      `SELECT count() AS total FROM ${personal.table} WHERE ${sql}`,
      parameters,
      limits,
    )
    rows[personal.table] = found?.total ?? 0
    // Not the lightweight DELETE: it only hides rows until some merge.
    if (found?.total) {
      const statement = `ALTER TABLE ${personal.table} DELETE WHERE ${sql} SETTINGS mutations_sync = 2`
      await store.query(statement, parameters, limits)
    }
  }
  return rows
}

/** The rule of `covers` (coverage.ts) in SQL. */
function covered(order: Erasure, { owner, at, hasEpoch }: PersonalTable) {
  const parameters: Record<string, string | number> = {
    ...ownerParameters(order),
    orderedAtMs: order.at.getTime(),
  }
  const beforeOrder = `toUnixTimestamp64Milli(${at}) <= {orderedAtMs:Int64}`
  const branches = [...(hasEpoch ? erasedEpochs(order) : [])].map(([pop, epoch], index) => {
    parameters[`pop${index}`] = pop
    parameters[`epoch${index}`] = epoch
    return `pop = {pop${index}:String}, epoch <= {epoch${index}:UInt64}`
  })
  const made = branches.length ? `multiIf(${[...branches, beforeOrder].join(', ')})` : beforeOrder
  return { sql: `${owner} AND ${made}`, parameters }
}
