import * as v from 'valibot'
import {
  batchSchema,
  type DecisionRecord,
  type EventRecord,
  type RecordBatch,
  type RefusalRecord,
  recordSchema,
} from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import type { StoredMessage } from './log/log.ts'

export type Row = Record<string, unknown>
export type Table = 'events' | 'decisions' | 'refusals'
export type Rows = Record<Table, Row[]>

const storedBatch = v.object({ ...batchSchema.entries, pop: v.string(), region: v.string() })
type StoredBatch = RecordBatch & { readonly pop: string; readonly region: string }

/** The rows of a run of messages; what does not keep the contract becomes a refusal and blocks nothing. */
export function rowsOf(
  messages: readonly StoredMessage[],
  countUnreadable: (count: number) => void,
): Rows {
  const rows: Rows = { events: [], decisions: [], refusals: [] }
  for (const message of messages) {
    const parsed = v.safeParse(storedBatch, parse(message.value))
    if (parsed.success) addBatch(rows, parsed.output, message, countUnreadable)
    else {
      countUnreadable(1)
      rows.refusals.push(unreadable(message, message.value, message.identity))
    }
  }
  return rows
}

function addBatch(
  rows: Rows,
  batch: StoredBatch,
  message: StoredMessage,
  countUnreadable: (count: number) => void,
): void {
  for (const [position, raw] of batch.records.entries()) {
    const parsed = v.safeParse(recordSchema, raw)
    const origin = originOf(batch, position)
    const identity = `${message.identity}#${position}`
    if (!parsed.success) {
      countUnreadable(1)
      rows.refusals.push({
        ...unreadable(message, JSON.stringify(raw), identity),
        site: batch.site,
        pop: batch.pop,
      })
    } else if (parsed.output.kind === 'event') rows.events.push(eventRow(parsed.output, origin))
    else if (parsed.output.kind === 'decision') {
      rows.decisions.push(decisionRow(parsed.output, origin))
    } else rows.refusals.push(refusalRow(parsed.output, batch, identity))
  }
}

function originOf({ site, visitor, epoch, sequence, pop, region }: StoredBatch, position: number) {
  return { site, visitor, epoch, sequence, position, pop, region }
}

function eventRow(record: EventRecord, origin: Row): Row {
  return {
    ...origin,
    message_id: record.messageId,
    type: record.type,
    event: record.event,
    anonymous_id: record.anonymousId ?? '',
    user_id: record.userId ?? '',
    timestamp: iso(record.timestamp),
    original_timestamp: iso(record.originalTimestamp),
    received_at: iso(record.receivedAt),
    session: record.session,
    late: record.late,
    bot: record.bot,
    items: record.items,
    properties: JSON.stringify(record.properties),
    context: JSON.stringify(record.context),
    traits: JSON.stringify(traitsOf(record)),
  }
}

/** Ids that only some types have lie with the traits: identity is stitched from them in the store. */
function traitsOf({ traits, previousId, groupId }: EventRecord): Row {
  return { ...traits, ...(previousId && { previousId }), ...(groupId && { groupId }) }
}

function decisionRow(record: DecisionRecord, origin: Row): Row {
  return {
    ...origin,
    decision_id: record.decisionId,
    at: iso(record.at),
    placement: record.placement,
    release: record.release ?? '',
    model: record.model,
    fallback: record.fallback ?? '',
    session: record.session,
    features: JSON.stringify(record.features),
    items: record.items,
    scores: record.scores,
  }
}

function refusalRow(record: RefusalRecord, { site, pop }: StoredBatch, identity: string): Row {
  const { at, messageId, reason, field, detail, body } = record
  return { site, pop, at: iso(at), message_id: messageId, reason, field, detail, body, identity }
}

function unreadable(message: StoredMessage, body: string, identity: string): Row {
  return {
    site: '',
    pop: '',
    at: iso(message.appendedAtMs),
    message_id: '',
    reason: 'unreadable_record',
    field: '',
    detail: 'the record does not keep the contract of POP and hub',
    body: body.slice(0, limits.refusalBodyCharactersMax).toWellFormed(),
    identity,
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The store's calendar ends before JavaScript's. */
const storeTimestampMaxMs = Date.UTC(2262, 0, 1)
function iso(epochMs: number): string {
  return new Date(Math.min(Math.max(epochMs, 0), storeTimestampMaxMs)).toISOString()
}

/** What is kept of a row that its table does not take. */
export function unstorable(table: Table, row: Row): Row {
  const { site, pop, visitor, epoch, sequence, position } = row
  return {
    ...{ site, pop, message_id: String(row.message_id ?? row.decision_id ?? '') },
    at: row.received_at ?? row.at,
    reason: 'unstorable_row',
    field: '',
    detail: `the store does not take it as a row of ${table}`,
    body: '',
    identity: JSON.stringify([pop, site, visitor, epoch, sequence, position]),
  }
}
