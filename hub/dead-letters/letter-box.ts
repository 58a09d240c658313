import { createHash } from 'node:crypto'
import type { Environment } from '../environment.ts'
import type { Store } from '../store/store.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { Filter } from './filter.ts'
import {
  type LetterRow,
  type LetterSummary,
  letterOfRow,
  letterRow,
  type SummaryRow,
  summaryColumns,
  summaryOf,
} from './letter-row.ts'

const matches = `({state:String} = '' OR state = {state:String})
  AND ({site:String} = '' OR site = {site:String}) AND ({reason:String} = '' OR reason = {reason:String})`

/** Keeps new letters. One that is known already stays as it is; the token is that of the rows they fell out of. */
export async function keepNew(
  letters: readonly DeadLetter[],
  token: string,
  { store, metrics, logger }: Environment,
): Promise<void> {
  if (letters.length === 0) return
  // What the store refuses can differ from attempt to attempt, and a token names its rows for ever.
  const hash = createHash('sha256')
  for (const { id } of letters) hash.update(id)
  const ownToken = `${token}:dead_letters:${hash.digest('hex').slice(0, 32)}`
  await store.insert('dead_letters', letters.map(letterRow), ownToken)
  for (const { reason } of letters) metrics.deadLetters.inc({ reason })
  // Not the detail: it may quote what a visitor sent, and a line of the log is everybody's.
  const [{ id, reason } = {}] = letters
  logger.error({ letters: letters.length, id, reason }, 'dead letters are waiting')
}

/** Keeps letters after a change; the token has to be new. */
export async function keepChanged(
  letters: readonly DeadLetter[],
  token: string,
  store: Store,
): Promise<void> {
  await store.insert('dead_letters', letters.map(letterRow), token)
}

/** Letters without their records, newest first, and how many there are beyond the limit. */
export async function listLetters(
  filter: Filter,
  store: Store,
): Promise<{ readonly total: number; readonly letters: readonly LetterSummary[] }> {
  const sql = `SELECT ${summaryColumns} FROM dead_letters_once WHERE ${matches}
    ORDER BY at DESC, id LIMIT {limit:UInt32}`
  const rows = await store.query<SummaryRow>(sql, { ...filter })
  return { total: await countLetters(filter, store), letters: rows.map(summaryOf) }
}

export async function countLetters(filter: Filter, store: Store): Promise<number> {
  const sql = `SELECT count() AS letters FROM dead_letters_once WHERE ${matches}`
  const [row] = await store.query<{ letters: number }>(sql, { ...filter })
  return row?.letters ?? 0
}

/** How many letters wait for each reason that any letter has; 0 where none of them waits any more. */
export async function countWaiting(
  store: Store,
): Promise<readonly { readonly reason: string; readonly letters: number }[]> {
  return store.query(`SELECT reason, countIf(state = 'waiting') AS letters
    FROM dead_letters_once GROUP BY reason ORDER BY reason`)
}

/** Ids of what a replay takes first: what was tried least, then what waits longest. */
export async function nextIds(filter: Filter, store: Store): Promise<readonly string[]> {
  const sql = `SELECT id FROM dead_letters_once WHERE ${matches}
    ORDER BY attempts, at, id LIMIT {limit:UInt32}`
  return (await store.query<{ id: string }>(sql, { ...filter })).map(({ id }) => id)
}

/** The letters of these ids, whole; an id that no letter has is left out. */
export async function findLetters(ids: readonly string[], store: Store): Promise<DeadLetter[]> {
  const sql = 'SELECT * EXCEPT stored_at FROM dead_letters_once WHERE id IN {ids:Array(String)}'
  return (await store.query<LetterRow>(sql, { ids })).map(letterOfRow)
}
