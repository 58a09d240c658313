/** The store over an engine that speaks text, so that rows are turned into JSON once, whatever process they cross. */

import { setImmediate as othersTurn } from 'node:timers/promises'
import { type QueryLimits, queryDefaults, type Store, StoreError } from './store.ts'

/** What an engine must do; bodies and answers are JSON, one row a line. */
export interface TextEngine {
  migrate(): Promise<readonly string[]>
  insertText(table: string, body: string, deduplicationToken: string): Promise<void>
  queryText(
    sql: string,
    parameters: Record<string, unknown>,
    limits: Required<QueryLimits>,
  ): Promise<string>
  ping(): Promise<void>
  close(): Promise<void>
}

// An insert is one block, and a token protects a block: these bounds keep it one on any server. They decide
// where a batch is cut, and so which token names which rows: change them only while no insert is outstanding.
const insertRowsMax = 50_000
const insertCharactersMax = 32_000_000

/** A training reads hundreds of thousands of rows; what else the hub does has its turn between so many of them. */
const rowsAtOnce = 5_000

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The store port over a text engine. */
export function storeOver(engine: TextEngine): Store {
  return {
    migrate: () => engine.migrate(),
    ping: () => engine.ping(),
    close: () => engine.close(),

    async insert(table, rows, deduplicationToken) {
      if (!identifier.test(table))
        throw new StoreError('invalid_query', `no table is called ${table}`)
      if (deduplicationToken === '')
        throw new StoreError('invalid_query', 'an insert needs a token of its own')
      let part = 0
      for (const body of encodeRows(rows))
        await engine.insertText(table, body, `${deduplicationToken}#${part++}`)
    },

    async query<Row>(sql: string, parameters = {}, limits: QueryLimits = {}): Promise<Row[]> {
      const text = await engine.queryText(sql, parameters, { ...queryDefaults, ...limits })
      const rows: Row[] = []
      for (let from = 0; from < text.length; ) {
        const end = text.indexOf('\n', from)
        const to = end < 0 ? text.length : end
        if (to > from) rows.push(JSON.parse(text.slice(from, to)) as Row)
        from = to + 1
        if (rows.length % rowsAtOnce === 0) await othersTurn()
      }
      return rows
    },
  }
}

/** The rows as bodies of bounded size, cut at the same places every time. */
export function* encodeRows(rows: readonly Record<string, unknown>[]): Generator<string> {
  let lines: string[] = []
  let characters = 0
  for (const row of rows) {
    const line = JSON.stringify(row)
    if (
      lines.length >= insertRowsMax ||
      (lines.length > 0 && characters + line.length > insertCharactersMax)
    ) {
      yield lines.join('\n')
      lines = []
      characters = 0
    }
    lines.push(line)
    characters += line.length
  }
  if (lines.length > 0) yield lines.join('\n')
}
