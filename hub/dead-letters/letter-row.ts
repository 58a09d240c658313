import { timestamp } from '../store/timestamp.ts'
import type {
  BatchPlace,
  DeadLetter,
  DeadLetterReason,
  DeadLetterState,
  Encoding,
} from './dead-letter.ts'

/** A letter as its table holds it. */
export type LetterRow = {
  readonly id: string
  readonly site: string
  readonly pop: string
  readonly visitor: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: DeadLetterReason
  readonly detail: string
  readonly record: string
  readonly encoding: Encoding
  readonly origin: string
  readonly at: string
  readonly attempts: number
  readonly state: DeadLetterState
  readonly changed_at: string
  readonly changed_by: string
  readonly version: number
}

/**
 * The row of a letter. The store takes it whatever is in it: each text is well-formed, and what a replay needs
 * exactly lies in `origin`, as JSON, which writes half a surrogate pair as an escape.
 */
export function letterRow(letter: DeadLetter): LetterRow {
  const { id, message, batch, reason, detail, record, encoding } = letter
  const { topic, partition, offset, identity } = message
  const { site, pop, visitor } = batch ?? senderOf(identity)
  return {
    ...{ id, topic, partition, offset, reason, encoding },
    ...{ site: site.toWellFormed(), pop: pop.toWellFormed(), visitor: visitor.toWellFormed() },
    ...{ detail: detail.toWellFormed(), record: record.toWellFormed() },
    origin: JSON.stringify({ identity, batch }),
    at: timestamp(message.appendedAtMs),
    ...{ attempts: letter.attempts, state: letter.state, version: letter.version },
    changed_at: timestamp(letter.changedAtMs),
    changed_by: letter.changedBy,
  }
}

/** A letter as lists show it: without its record, which may be large. */
export type LetterSummary = ReturnType<typeof summaryOf>

export const summaryColumns = `id, site, pop, visitor, topic, partition, offset, reason, detail, at, attempts,
  state, changed_at, changed_by`

export type SummaryRow = Omit<LetterRow, 'record' | 'encoding' | 'origin' | 'version'>

export function summaryOf(row: SummaryRow) {
  const { id, site, pop, visitor, topic, partition, offset, reason, detail, at } = row
  return {
    ...{ id, site, pop, visitor, topic, partition, offset, reason, detail, at },
    ...{ attempts: row.attempts, state: row.state },
    ...{ changedAt: row.changed_at, changedBy: row.changed_by },
  }
}

/** The letter of a row. */
export function letterOfRow(row: LetterRow): DeadLetter {
  const { id, topic, partition, offset, reason, detail, record, encoding } = row
  const origin = JSON.parse(row.origin) as { identity: string; batch: BatchPlace | null }
  const appendedAtMs = Date.parse(row.at)
  return {
    ...{ id, reason, detail, record, encoding, batch: origin.batch },
    message: { topic, partition, offset, identity: origin.identity, appendedAtMs },
    ...{ attempts: row.attempts, state: row.state, version: row.version },
    ...{ changedAtMs: Date.parse(row.changed_at), changedBy: row.changed_by },
  }
}

/** Who sent a message that cannot be read: the hub named it by its batch (`identityOf`). */
function senderOf(identity: string): { pop: string; site: string; visitor: string } {
  const unknown = { pop: '', site: '', visitor: '' }
  try {
    const [pop, site, visitor] = JSON.parse(identity) as unknown[]
    const known = [pop, site, visitor].every((part) => typeof part === 'string')
    return known ? ({ pop, site, visitor } as typeof unknown) : unknown
  } catch {
    return unknown
  }
}
