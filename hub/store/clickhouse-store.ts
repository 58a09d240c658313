/** The store over `@clickhouse/client`: a server or a cluster by URL, or chDB plugged into the same client. */

import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClickHouseClient,
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
  type ResultSet,
  type Row,
} from '@clickhouse/client'
import { backoffMs } from '../log/backoff.ts'
import { toStoreError } from './clickhouse-errors.ts'
import { type Migration, readMigrations } from './migrations.ts'
import { readOnlySql } from './read-guard.ts'
import { type QueryLimits, type Store, StoreError } from './store.ts'
import { storeOver, type TextEngine } from './text-engine.ts'

/** How the engine gets at its client. */
export interface ClickHouseAccess {
  /** The client of everything that writes. */
  readonly client: ClickHouseClient
  /**
   * Runs a query on a client whose settings stay behind with it.
   *
   * Over HTTP settings belong to a request, so it can be the same client. In chDB they belong to a connection
   * and stay, `readonly` for good: there every query needs a connection of its own.
   */
  readonly withReader: <T>(run: (client: ClickHouseClient) => Promise<T>) => Promise<T>
}

/** The store on a ClickHouse server. */
export function openClickHouseStore(url: string): Store {
  const client = createClient({
    url,
    application: 'shelfedge',
    request_timeout: 120_000,
    // Every failure is thrown, typed; whoever asked decides what to log, without the query's parameters.
    log: { level: ClickHouseLogLevel.OFF },
  })
  return storeOver(createClickHouseEngine({ client, withReader: (run) => run(client) }))
}

/** The engine of the store: the same SQL, settings and errors wherever the client leads. */
export function createClickHouseEngine({ client, withReader }: ClickHouseAccess): TextEngine {
  return {
    migrate: () => typed(() => migrate(client)),
    insertText: (table, body, token) => typed(() => insertText(client, table, body, token)),
    queryText: (sql, parameters, limits) =>
      typed(() => {
        const asked = limits.readOnly ? readOnlySql(sql) : sql
        return withReader((reader) => queryText(reader, asked, parameters, limits))
      }),
    ping: () =>
      typed(async () => {
        const pong = await client.ping()
        if (!pong.success) throw pong.error
      }),
    close: () => client.close(),
  }
}

const inputSettings: ClickHouseSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  date_time_input_format: 'best_effort',
  input_format_skip_unknown_fields: 0,
  // Half a surrogate pair is somebody's text: it is stored as it can be, and holds nobody up.
  input_format_json_throw_on_bad_escape_sequence: 0,
  // One body is parsed as one block, because a token protects a block.
  input_format_parallel_parsing: 0,
}

const outputSettings: ClickHouseSettings = {
  date_time_output_format: 'iso',
  output_format_json_quote_64bit_integers: 0,
}

// By exec: insert() of the client would take rows apart and put them together again.
async function insertText(
  client: ClickHouseClient,
  table: string,
  body: string,
  token: string,
): Promise<void> {
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} FORMAT JSONEachRow`,
    values: Readable.from([body], { objectMode: false }),
    clickhouse_settings: { ...inputSettings, insert_deduplication_token: token },
  })
  // An answer that is not read keeps its socket.
  await finished(stream.resume())
}

async function queryText(
  client: ClickHouseClient,
  sql: string,
  parameters: Record<string, unknown>,
  limits: Required<QueryLimits>,
): Promise<string> {
  const options = { query_params: parameters, clickhouse_settings: querySettings(limits) }
  if (!/^[\s(]*(select|with|explain|describe|desc|show|exists)\b/i.test(withoutComments(sql))) {
    await client.command({ query: sql, ...options })
    return ''
  }
  const answer = await client.query({ query: sql, format: 'JSONEachRow', ...options })
  return textOf(answer, limits.bytesMax)
}

/** The answer as text; counted here too, because a constant column weighs next to nothing in the engine. */
async function textOf(answer: ResultSet<'JSONEachRow'>, bytesMax: number): Promise<string> {
  const lines: string[] = []
  let characters = 0
  for await (const rows of answer.stream()) {
    for (const { text } of rows as Row[]) {
      characters += text.length
      if (characters > bytesMax)
        throw new StoreError('refused', `an answer may have at most ${bytesMax} bytes`)
      lines.push(text)
    }
  }
  return lines.join('\n')
}

const bytesPerMb = 1_000_000

// `readonly` comes last: chDB sets one after the other, and after it nothing can be set.
function querySettings(limits: Required<QueryLimits>): ClickHouseSettings {
  return {
    ...outputSettings,
    max_result_rows: String(limits.rowsMax),
    max_result_bytes: String(limits.bytesMax),
    result_overflow_mode: 'throw',
    max_execution_time: limits.timeMaxMs / 1000,
    timeout_overflow_mode: 'throw',
    max_memory_usage: String(limits.memoryMbMax * bytesPerMb),
    max_bytes_before_external_group_by: String((limits.memoryMbMax * bytesPerMb) / 2),
    max_bytes_before_external_sort: String((limits.memoryMbMax * bytesPerMb) / 2),
    ...(limits.readOnly ? { readonly: '1' } : {}),
  }
}

function withoutComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, '')
}

async function migrate(client: ClickHouseClient): Promise<readonly string[]> {
  await client.command({
    query: `CREATE TABLE IF NOT EXISTS migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
            ENGINE = MergeTree ORDER BY name`,
  })
  const answer = await client.query({ query: 'SELECT name FROM migrations', format: 'JSONEachRow' })
  const known = new Set((await answer.json<{ name: string }>()).map((row) => row.name))
  const fresh = (await readMigrations()).filter((migration) => !known.has(migration.name))
  for (const migration of fresh) await apply(client, migration)
  return fresh.map((migration) => migration.name)
}

const migrationTriesMax = 8
const migrationBackoff = { firstMs: 50, longestMs: 1_000 }

// There are no transactions over DDL: each statement says IF NOT EXISTS or OR REPLACE, so that a half-applied
// file is applied again as a whole.
async function apply(client: ClickHouseClient, { name, statements }: Migration): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      for (const query of statements) await client.command({ query })
      break
    } catch (error) {
      // Where a view is not replaced in one step, it is missing for a moment while another hub does it.
      const isMeanwhileReplaced = toStoreError(error).message.includes('(UNKNOWN_TABLE)')
      if (!isMeanwhileReplaced || attempt === migrationTriesMax) throw error
      await sleep(backoffMs(attempt, migrationBackoff))
    }
  }
  await insertText(client, 'migrations', JSON.stringify({ name }), `migration ${name}`)
}

async function typed<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw toStoreError(error)
  }
}
