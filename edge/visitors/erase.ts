import type { PopErasure, RecordBatch } from '#shared/contract.ts'
import { refusalsKey } from '#shared/id.ts'
import { visitorsNamedIn } from '#shared/refusal-names.ts'
import { beginOf } from './batch-text.ts'
import type { CoreStorage } from './core.ts'

/** A visitor of a site, by key. */
export interface VisitorName {
  readonly site: string
  readonly visitor: string
}

/** What was erased of a visitor, and the last epoch of the erased life. */
export type Erased = Omit<PopErasure, 'pop' | 'found'> & {
  readonly found: Omit<PopErasure['found'], 'refusals' | 'reservations'>
}

const tables = ['outbox', 'set_aside'] as const

/** Inside a transaction: deletes a visitor's row and batches. `epochMin`: the epoch to go on from at least. */
export function eraseVisitor(
  { sql }: CoreStorage,
  { site, visitor }: VisitorName,
  epochMin: number,
): Erased {
  const [row] = sql
    .exec<{ epoch: number }>(
      'DELETE FROM visitors WHERE site = ? AND visitor = ? RETURNING epoch',
      site,
      visitor,
    )
    .toArray()
  const begin = beginOf(site, visitor)
  const [outbox = 0, setAside = 0] = tables.map(
    (table) =>
      sql
        .exec(
          `DELETE FROM ${table} WHERE substr(batch, 1, length(?)) = ? RETURNING position`,
          begin,
          begin,
        )
        .toArray().length,
  )
  const epoch = Math.max(epochMin, row?.epoch ?? 0)
  return { epoch, found: { known: row !== undefined, outbox, setAside } }
}

/**
 * Inside a transaction: takes the refusals that name a visitor out of the batches they share with others;
 * answers how many.
 */
export function eraseRefusals(storage: CoreStorage, { site, visitor }: VisitorName): number {
  const begin = beginOf(site, refusalsKey)
  let erased = 0
  for (const table of tables) {
    const rows = storage.sql
      .exec<{ position: number }>(
        `SELECT position FROM ${table} WHERE substr(batch, 1, length(?)) = ?`,
        begin,
        begin,
      )
      .toArray()
    // One at a time: an outbox may be larger than the memory of an isolate.
    for (const { position } of rows) erased += thinOut(storage, table, position, visitor)
  }
  return erased
}

function thinOut(
  { sql }: CoreStorage,
  table: (typeof tables)[number],
  position: number,
  visitor: string,
): number {
  const [row] = sql
    .exec<{ batch: string }>(`SELECT batch FROM ${table} WHERE position = ?`, position)
    .toArray()
  if (!row) return 0
  const batch: RecordBatch = JSON.parse(row.batch)
  const records = batch.records.filter((record) => !names(record, visitor))
  const erased = batch.records.length - records.length
  if (records.length === 0) sql.exec(`DELETE FROM ${table} WHERE position = ?`, position)
  else if (erased > 0) {
    const text = JSON.stringify({ ...batch, records })
    sql.exec(`UPDATE ${table} SET batch = ? WHERE position = ?`, text, position)
    if (table === 'outbox') {
      const bytes = new TextEncoder().encode(JSON.stringify(records)).length
      sql.exec('UPDATE outbox SET bytes = ? WHERE position = ?', bytes, position)
    }
  }
  return erased
}

function names(record: unknown, visitor: string): boolean {
  const { visitors, body } = record as { visitors?: readonly string[]; body?: unknown }
  return (visitors ?? visitorsNamedIn(String(body))).includes(visitor)
}
