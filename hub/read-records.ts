import * as v from 'valibot'
import { batchSchema, type RecordBatch, recordSchema } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import {
  type BatchPlace,
  type DeadLetter,
  deadLetterOf,
  type Fault,
  type MessagePlace,
  type Original,
} from './dead-letters/dead-letter.ts'
import { elementTexts } from './dead-letters/element-texts.ts'
import type { LogChunk, StoredMessage } from './log/log.ts'
import { type Row, rowOf, type Table } from './rows.ts'

/** A row and what it was made of, so that a row the store refuses is kept as it came. */
export interface TracedRow {
  readonly row: Row
  readonly original: Original
}

/** What a run of records became: rows, and letters for those that cannot be read. */
export interface Reading {
  readonly rows: Record<Table, TracedRow[]>
  readonly letters: DeadLetter[]
}

const storedBatch = v.object({ ...batchSchema.entries, pop: v.string(), region: v.string() })
type StoredBatch = RecordBatch & { readonly pop: string; readonly region: string }

/** A sentence outlives the letter's content in logs: what customers sent is not in it. */
const fromCustomers = { whole: 'the whole', telling: 'type' } as const

/** A batch with more bad records than POPs put into one is kept as one letter. */
const lettersPerMessageMax = limits.batchEventsMax

/** Reads the messages of a chunk; what cannot be read becomes a letter and blocks nothing. */
export function readChunk({ topic, partition, messages }: LogChunk): Reading {
  const reading = emptyReading()
  for (const message of messages) {
    const { identity, appendedAtMs } = message
    const place = { topic, partition, offset: Number(message.offset), identity, appendedAtMs }
    readMessage(reading, place, message)
  }
  return reading
}

/** Reads the originals of letters again, as if they came from the log now. */
export function readLetters(letters: readonly DeadLetter[]): Reading {
  const reading = emptyReading()
  for (const { message, batch, record, encoding } of letters) {
    const original = { message, batch, text: () => record, encoding }
    if (batch) readRecord(reading, parse(record), { ...original, batch })
    else readMessage(reading, message, decoded(record, encoding))
  }
  return reading
}

function emptyReading(): Reading {
  return { rows: { events: [], decisions: [], refusals: [] }, letters: [] }
}

type Content = Pick<StoredMessage, 'value' | 'bytes'>

function decoded(record: string, encoding: Original['encoding']): Content {
  if (encoding === 'text') return { value: record }
  const bytes = Buffer.from(record, 'base64')
  return { value: bytes.toString(), bytes }
}

function readMessage(reading: Reading, message: MessagePlace, { value, bytes }: Content): void {
  const whole: Original = bytes
    ? {
        message,
        batch: null,
        text: () => Buffer.from(bytes).toString('base64'),
        encoding: 'base64',
      }
    : { message, batch: null, text: () => value, encoding: 'text' }
  const refuse = (fault: Fault) => reading.letters.push(deadLetterOf(whole, fault))
  if (bytes) {
    refuse({ reason: 'not_text', detail: 'the message is not text in UTF-8' })
    return
  }
  const json = parse(value)
  if (json === undefined) {
    refuse({ reason: 'not_json', detail: 'the message is not JSON' })
    return
  }
  const read = readPlainly(storedBatch, json, fromCustomers)
  if (read.ok) readBatch(reading, read.value, whole)
  else refuse({ reason: 'not_a_batch', detail: read.problem.sentence })
}

function readBatch({ rows, letters }: Reading, batch: StoredBatch, whole: Original): void {
  const { site, visitor, epoch, sequence, pop, region, records } = batch
  const place = { site, visitor, epoch, sequence, pop, region }
  let texts: readonly string[] | undefined
  const textAt = (position: number) => {
    texts ??= elementTexts(whole.text(), 'records')
    return texts[position] ?? whole.text()
  }
  const own: Reading = { rows, letters: [] }
  for (const [position, raw] of records.entries()) {
    const text = () => textAt(position)
    readRecord(own, raw, { ...whole, batch: { ...place, position }, text })
  }
  const [first] = own.letters
  if (first && own.letters.length > lettersPerMessageMax) {
    const detail = `${own.letters.length} of its ${records.length} records; the first: ${first.detail}`
    letters.push(deadLetterOf(whole, { reason: 'too_many_bad_records', detail }))
  } else letters.push(...own.letters)
}

function readRecord(
  { rows, letters }: Reading,
  raw: unknown,
  original: Original & { readonly batch: BatchPlace },
): void {
  const refuse = (fault: Fault) => letters.push(deadLetterOf(original, fault))
  const read = readPlainly(recordSchema, raw, fromCustomers)
  if (!read.ok) {
    const { path, sentence } = read.problem
    refuse({ reason: path === 'kind' ? 'unknown_kind' : 'invalid_record', detail: sentence })
    return
  }
  try {
    const { table, row } = rowOf(read.value, original.batch)
    rows[table].push({ row, original })
  } catch (cause) {
    // Nested past the stack, or a bug of ours: it would fail the same way for ever, and hold up its partition.
    refuse({ reason: 'record_failed', detail: String(cause) })
  }
}

/** The value of a JSON text; undefined where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
