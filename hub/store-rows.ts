import { type DeadLetter, deadLetterOf } from './dead-letters/dead-letter.ts'
import type { Environment } from './environment.ts'
import { timed } from './metrics.ts'
import type { Reading, TracedRow } from './read-records.ts'
import { type Table, tables } from './rows.ts'
import { StoreError } from './store/store.ts'

/**
 * Stores the rows of a reading; what the store can never take is answered as letters, its neighbours are stored.
 * Throws what may pass. The token names these rows for ever.
 */
export async function storeRows(
  { rows }: Reading,
  token: string,
  environment: Environment,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for (const table of tables) {
    letters.push(...(await insert(table, rows[table], `${token}:${table}`, environment)))
  }
  return letters
}

/** Inserts rows; where the store can never take them, it halves them until it knows which row it is. */
async function insert(
  table: Table,
  rows: readonly TracedRow[],
  token: string,
  environment: Environment,
): Promise<DeadLetter[]> {
  const [first] = rows
  if (!first) return []
  const { store, metrics, failPoint } = environment
  try {
    const ownRows = rows.map(({ row }) => row)
    const inserted = timed(metrics.insertSeconds, { table }, () =>
      store.insert(table, ownRows, token),
    )
    failPoint('during_insert')
    await inserted
    metrics.rowsStored.inc({ table }, rows.length)
    return []
  } catch (cause) {
    if (!isRowsOwnFault(cause)) throw cause
    if (rows.length === 1) {
      const detail = `as a row of ${table}: ${cause.message}`
      return [deadLetterOf(first.original, { reason: 'unstorable_row', detail })]
    }
    const middle = rows.length >> 1
    const head = await insert(table, rows.slice(0, middle), `${token}:0`, environment)
    return [...head, ...(await insert(table, rows.slice(middle), `${token}:1`, environment))]
  }
}

function isRowsOwnFault(cause: unknown): cause is StoreError {
  return cause instanceof StoreError && !cause.retryable
}
