import { createHash } from 'node:crypto'
import type { Environment } from './environment.ts'
import { recordsTopic } from './ingest.ts'
import type { Consumption, LogChunk } from './log/log.ts'
import { type Row, rowsOf, type Table, unstorable } from './rows.ts'
import { StoreError } from './store/store.ts'

/** Reads the log into the store for as long as the hub runs; an offset is committed after the insert. */
export function consume(environment: Environment): Promise<Consumption> {
  const { log, metrics, logger, erasures } = environment
  const handle = (chunk: LogChunk) => erasures.storing(() => storeChunk(chunk, environment))
  return log.consume(recordsTopic, 'store', handle, {
    lingerMs: 500,
    onRetry: (error, attempt) => {
      metrics.storeRetries.inc()
      logger.warn({ attempt, reason: String(error) }, 'a chunk was not stored, trying again')
    },
  })
}

/** Stores one chunk of the log. It throws only what may pass, so that the log hands it over again. */
export async function storeChunk(chunk: LogChunk, environment: Environment): Promise<void> {
  const { metrics, erasures } = environment
  const rows = erasures.without(
    rowsOf(chunk.messages, (count) => metrics.recordsUnreadable.inc(count)),
  )
  const token = tokenOf(chunk)
  for (const table of ['events', 'decisions'] as const) {
    rows.refusals.push(...(await insert(table, rows[table], `${token}:${table}`, environment)))
  }
  await insert('refusals', rows.refusals, `${token}:refusals`, environment)
  environment.failPoint('after_insert')
}

/**
 * Names the chunk by where it lies and by what it holds: offsets begin again with a new log, and a
 * token that was used for other rows would drop these without a word.
 */
function tokenOf({ topic, partition, firstOffset, lastOffset, messages }: LogChunk): string {
  const hash = createHash('sha256')
  for (const { identity } of messages) hash.update(`${identity.length}:${identity}`)
  return `${topic}:${partition}:${firstOffset}-${lastOffset}:${hash.digest('hex').slice(0, 32)}`
}

/**
 * Inserts rows. Where the store can never take them, it halves them until it knows which row it is:
 * that one is answered as a refusal, and its neighbours are stored.
 */
async function insert(
  table: Table,
  rows: readonly Row[],
  token: string,
  environment: Environment,
): Promise<Row[]> {
  if (rows.length === 0) return []
  const { store, metrics, logger, failPoint } = environment
  try {
    const inserted = store.insert(table, rows, token)
    failPoint('during_insert')
    await inserted
    metrics.rowsStored.inc({ table }, rows.length)
    return []
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.retryable) throw cause
    const [first] = rows
    if (first && rows.length === 1) {
      metrics.recordsUnreadable.inc()
      logger.error({ table, token, reason: String(cause) }, 'a row the store does not take')
      return [unstorable(table, first)]
    }
    const middle = rows.length >> 1
    const head = await insert(table, rows.slice(0, middle), `${token}:0`, environment)
    return [...head, ...(await insert(table, rows.slice(middle), `${token}:1`, environment))]
  }
}
