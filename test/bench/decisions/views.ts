import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { readVariants } from '#hub/experiments/read-variants.ts'
import { openStore } from '#hub/store/open-store.ts'
import type { Store } from '#hub/store/store.ts'

// What the views of experiments and returns take in a store of 200,000 events of one site, and what more where three
// other sites as large lie in it: a question about one site should not read the others.

const eventsPerSite = 200_000
const visitorsPerSite = 20_000
const sites = ['asked', 'other-1', 'other-2', 'other-3'] as const
const [asked, ...others] = sites
const turns = 3
const days = 7
/** When the events of 60 days begin, as SQL. */
const start = "toDateTime64('2026-01-01 00:00:00', 3, 'UTC')"
const timeMaxMs = 120_000

/** Medians in ms, and how many rows are read, of one site alone and among four. */
export async function viewFigures(): Promise<Record<string, number>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-views-'))
  const store = await openStore({ dataDir })
  const figures: Record<string, number> = {}
  try {
    for (const [among, added] of [
      ['', [asked]],
      ['AmongFourSites', others],
    ] as const) {
      for (const site of added) await fill(store, site)
      for (const [name, question] of Object.entries(questions)) {
        figures[`${name}${among}RowsRead`] = await rowsRead(store, question)
        figures[`${name}${among}Ms`] = await medianMs(store, question)
      }
    }
    return figures
  } finally {
    await store.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Of ten events of a visitor seven are views, two say that a decision was shown, one is an order; half are logged in. */
async function fill(store: Store, site: string): Promise<void> {
  const visitor = `concat('a:', toString(number % ${visitorsPerSite}))`
  const turn = `intDiv(number, ${visitorsPerSite})`
  const decision = `concat(toString(number % ${visitorsPerSite}), '-', toString(${turn} % 2))`
  const at = `${start} + toIntervalSecond(${turn} * 500000 + number % 400000)`
  await store.query(
    `INSERT INTO events (site, visitor, message_id, type, event, user_id, timestamp, received_at, properties, spend)
     SELECT {site:String}, ${visitor}, toString(number), 'track',
       multiIf(${turn} < 7, 'Product Viewed', ${turn} < 9, 'Decision Shown', 'Order Completed') AS name,
       if(number % 2 = 0, concat('user-', toString(number % ${visitorsPerSite})), ''),
       ${at} AS happened, happened,
       multiIf(name = 'Decision Shown', concat('{"decisionId":"', ${decision}, '"}'),
         name = 'Order Completed', concat('{"order_id":"', toString(number), '"}'), '{}'),
       if(name = 'Order Completed', 10 + number % 90, 0)
     FROM numbers(${eventsPerSite})`,
    { site },
    { timeMaxMs },
  )
  await store.query(
    `INSERT INTO decisions (site, decision_id, visitor, at, placement, model, features)
     SELECT {site:String}, ${decision}, ${visitor}, ${start} + toIntervalSecond(${turn} * 500000), 'product-page', 'session-knn',
       concat('{"variants":{"socks":"', if(number % 3 = 0, 'in', 'out'), '"}}')
     FROM numbers(${2 * visitorsPerSite})`,
    { site },
    { timeMaxMs },
  )
}

/** What is asked, of a store that may explain it instead. */
const questions: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  experiment: (store) => {
    const at = Date.UTC(2026, 11, 1)
    return readVariants({ site: asked, experiment: 'socks', days, at }, store)
  },
  touches: (store) =>
    ask(store, 'SELECT sum(last_touch * revenue) FROM touches(days = {days:UInt32})'),
  returns: (store) =>
    ask(store, 'SELECT sum(last_revenue), sum(shown) FROM returns(days = {days:UInt32})'),
}
const ask = (store: Store, sql: string) =>
  store.query(`${sql} WHERE site = {site:String}`, { site: asked, days }, { timeMaxMs })

async function medianMs(store: Store, question: (store: Store) => Promise<unknown>) {
  const ms: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    const startedAt = performance.now()
    await question(store)
    ms.push(performance.now() - startedAt)
  }
  return median(ms)
}

/** Rows of all tables that the engine would read for it, by its index. */
async function rowsRead(store: Store, question: (store: Store) => Promise<unknown>) {
  let rows = 0
  const query = async (sql: string, parameters?: Record<string, unknown>) => {
    const tables = await store.query<{ rows: number }>(`EXPLAIN ESTIMATE ${sql}`, parameters)
    for (const table of tables) rows += Number(table.rows)
    return []
  }
  await question({ ...store, query } as Store)
  return rows
}
