import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { CoreStorage } from '#edge/visitors/core.ts'

type Row = Record<string, string | number | null | ArrayBuffer>

/** Node's SQLite in the form of a Durable Object's storage; `close` and open again is a restart. */
export interface SqliteStorage extends CoreStorage {
  close(): void
}

/** Opens a database, in memory unless a path is given. Transactions nest, as in a Durable Object. */
export function sqliteStorage(path = ':memory:'): SqliteStorage {
  const database = new DatabaseSync(path)
  let depth = 0
  return {
    sql: {
      exec<Wanted extends Row>(query: string, ...bindings: Wanted[string][]) {
        const rows = database.prepare(query).all(...bindings.map(toSqlite))
        return { toArray: () => rows.map(fromSqlite) as Wanted[] }
      },
    },
    transactionSync(run) {
      const savepoint = `level_${depth}`
      database.exec(`SAVEPOINT ${savepoint}`)
      depth++
      try {
        const result = run()
        database.exec(`RELEASE ${savepoint}`)
        return result
      } catch (cause) {
        database.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`)
        throw cause
      } finally {
        depth--
      }
    },
    close: () => database.close(),
  }
}

function toSqlite(value: Row[string]): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value
}

// Node gives a BLOB as bytes, a Durable Object as an ArrayBuffer.
function fromSqlite(row: Record<string, unknown>): Row {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? value.slice().buffer : value,
  ])
  return Object.fromEntries(entries)
}
