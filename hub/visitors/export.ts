import * as v from 'valibot'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { recordsTopic, storeGroup } from '../log/topics.ts'
import { askPop } from './ask-pop.ts'
import { linkedKeys } from './linked.ts'
import type { VisitorName } from './name.ts'
import { stateOf } from './order.ts'
import { ownerParameters, personalTables } from './stored.ts'

/** Rows of the store in one document, of at most some 32 kB each. */
const pageRowsMax = 500
/** Orders for one visitor that are told; the newest. */
const ordersTold = 100

/** Where a document goes on: after a row of a table, null when the store is through, and at which POPs. */
const cursorSchema = v.object({
  stored: v.nullable(
    v.object({ table: v.picklist(personalTables.map(({ table }) => table)), after: v.string() }),
  ),
  pops: v.record(v.string(), v.string()),
})
type Cursor = v.InferOutput<typeof cursorSchema>

/**
 * Everything that the store and every POP have of a visitor, a page at a time: `next` is the `after` of the
 * following document, null on the last. A POP that is away is named with the reason.
 */
export async function exportVisitor(name: VisitorName, after: string, environment: Environment) {
  const { config, store, log, registry } = environment
  const cursor = after === '' ? firstCursor(config.popUrls) : readCursor(after, config.popUrls)
  const [linked, erasures, lags, stored, pops] = await Promise.all([
    linkedKeys(name, store),
    registry.erasuresOf(name.site, name.visitor, ordersTold),
    log.lag(recordsTopic, storeGroup),
    readStored(name, cursor.stored, environment),
    Promise.all(Object.entries(cursor.pops).map((at) => readPop(name, at, environment))),
  ])
  const going = pops.filter(({ next }) => next !== null).map(({ url, next }) => [url, next])
  const isLast = stored.next === null && going.length === 0
  return {
    ...name,
    linked,
    erasures: erasures.map((erasure) => stateOf(erasure, environment)),
    stored: stored.rows,
    /** Of all visitors: what lies between the POPs and the store is in neither. */
    messagesNotYetStored: lags.reduce((sum, { messages }) => sum + messages, 0),
    pops,
    next: isLast ? null : writeCursor({ stored: stored.next, pops: Object.fromEntries(going) }),
  }
}

async function readStored(
  name: VisitorName,
  from: Cursor['stored'],
  { store }: Environment,
): Promise<{ rows: Record<string, unknown[]>; next: Cursor['stored'] }> {
  const rows: Record<string, unknown[]> = {}
  if (from === null) return { rows, next: null }
  let { after } = from
  let room = pageRowsMax
  const start = personalTables.findIndex(({ table }) => table === from.table)
  for (const { table, view, key, owner } of personalTables.slice(start)) {
    const page = await store.query<Record<string, unknown>>(
      `SELECT * FROM ${view} WHERE ${owner} AND ${key} > {after:String} ORDER BY ${key} LIMIT ${room}`,
      { ...ownerParameters(name), after },
    )
    rows[table] = page
    if (page.length === room) return { rows, next: { table, after: String(page.at(-1)?.[key]) } }
    room -= page.length
    after = ''
  }
  return { rows, next: null }
}

async function readPop(
  name: VisitorName,
  [url, after]: readonly [string, string],
  environment: Environment,
) {
  const { signature } = environment
  try {
    const { next, ...has } = await askPop(url, name, after, signature)
    return { url, answered: true, ...has, next }
  } catch (cause) {
    return { url, answered: false, reason: String(cause), next: null }
  }
}

function firstCursor(popUrls: readonly string[]): Cursor {
  const [first] = personalTables
  return {
    stored: { table: first?.table ?? '', after: '' },
    pops: Object.fromEntries(popUrls.map((url) => [url, ''])),
  }
}

function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function readCursor(text: string, popUrls: readonly string[]): Cursor {
  try {
    const cursor = v.parse(cursorSchema, JSON.parse(Buffer.from(text, 'base64url').toString()))
    // A cursor comes from outside: it must not send the hub anywhere else than to its POPs.
    if (Object.keys(cursor.pops).every((url) => popUrls.includes(url))) return cursor
  } catch {
    // Said below, as of every other that is none.
  }
  throw new RequestRefused(400, 'invalid_after', 'after is the next of the document before')
}
