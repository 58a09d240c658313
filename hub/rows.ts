import { createHash } from 'node:crypto'
import type { DecisionRecord, EventRecord, RefusalRecord, ShelfRecord } from '#shared/contract.ts'
import { visitorsNamedIn } from '#shared/refusal-names.ts'
import { spendOf } from '#shared/session.ts'
import type { ItemDetails } from '#shared/told.ts'
import type { BatchPlace } from './dead-letters/dead-letter.ts'
import { timestamp } from './store/timestamp.ts'

export const tables = ['events', 'decisions', 'refusals'] as const
export type Table = (typeof tables)[number]
export type Row = Record<string, unknown>
/** 132 bits: two refusals never meet. */
const hashCharacters = 22

/** The row of one record, and the table it belongs to. */
export function rowOf(
  record: ShelfRecord,
  place: BatchPlace,
): { readonly table: Table; readonly row: Row } {
  if (record.kind === 'event') return { table: 'events', row: eventRow(record, place) }
  if (record.kind === 'decision') return { table: 'decisions', row: decisionRow(record, place) }
  return { table: 'refusals', row: refusalRow(record, place) }
}

function eventRow(record: EventRecord, place: BatchPlace): Row {
  return {
    ...place,
    message_id: record.messageId,
    type: record.type,
    event: record.event,
    anonymous_id: record.anonymousId ?? '',
    user_id: record.userId ?? '',
    timestamp: timestamp(record.timestamp),
    original_timestamp: timestamp(record.originalTimestamp),
    received_at: timestamp(record.receivedAt),
    session: record.session,
    late: record.late,
    bot: record.bot,
    items: record.items,
    properties: JSON.stringify(record.properties),
    context: JSON.stringify(record.context),
    traits: JSON.stringify(traitsOf(record)),
    spend: spendOf(record),
  }
}

/** Ids that only some types have lie with the traits: identity is stitched from them in the store. */
function traitsOf({ traits, previousId, groupId }: EventRecord): Row {
  return { ...traits, ...(previousId && { previousId }), ...(groupId && { groupId }) }
}

function decisionRow(record: DecisionRecord, place: BatchPlace): Row {
  return {
    ...place,
    decision_id: record.decisionId,
    at: timestamp(record.at),
    placement: record.placement,
    release: record.release ?? '',
    model: record.model,
    fallback: record.fallback ?? '',
    session: record.session,
    features: JSON.stringify(record.features),
    inputs: JSON.stringify(record.inputs),
    effects: JSON.stringify(record.effects),
    kind: record.answerKind,
    answer: JSON.stringify(record.answer),
    items: record.items,
    scores: record.scores,
    ...detailColumns(record.itemDetails),
    message_id: record.messageId ?? '',
  }
}

/** Of a decision whose POP did not send them yet. */
const noDetails: ItemDetails = { by: [], names: [], categories: [], prices: [] }

function detailColumns({ by, names, categories, prices }: ItemDetails = noDetails): Row {
  return { named_by: by, names, categories, prices }
}

function refusalRow(record: RefusalRecord, { site, visitor, pop }: BatchPlace): Row {
  const { messageId, reason, field, detail, body } = record
  const visitors = [...(record.visitors ?? visitorsNamedIn(body)), visitor]
  // By what was refused and why, not by the batch it lies in: the same sent again is the same refusal.
  const said = JSON.stringify([messageId, reason, field, body, visitors])
  const identity = createHash('sha256').update(said).digest('base64url').slice(0, hashCharacters)
  return {
    ...{ site, pop, at: timestamp(record.at), message_id: messageId },
    ...{ reason, field, detail, body, visitors, identity },
  }
}
