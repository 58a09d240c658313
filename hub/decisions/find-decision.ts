import type { DecisionRecord, Fallback } from '#shared/contract.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { ItemDetails, Tellable } from '#shared/told.ts'
import type { Store } from '../store/store.ts'

export interface DecisionRow {
  readonly decision_id: string
  readonly visitor: string
  readonly at: string
  readonly placement: string
  readonly kind: string
  readonly release: string
  readonly model: string
  readonly fallback: string
  readonly session: string
  readonly features: string
  readonly inputs: string
  readonly effects: string
  readonly answer: string
  readonly items: readonly string[]
  readonly scores: readonly number[]
  readonly named_by: ItemDetails['by']
  readonly names: ItemDetails['names']
  readonly categories: ItemDetails['categories']
  readonly prices: ItemDetails['prices']
  readonly message_id: string
  readonly pop: string
  readonly shown_at: string | null
}

/** A decision as the store has it: as it was made, and when it was shown. */
export interface StoredDecision extends Omit<DecisionRecord, 'kind'> {
  readonly site: string
  readonly visitor: string
  readonly pop: string
  /** Null where it was answered and never shown. */
  readonly shownAt: string | null
}

/** All that a decision is read from, but for when it was shown. */
export const decisionColumns = `decision_id, visitor, at, placement, kind, release, model, fallback, session, features, inputs,
  effects, answer, items, scores, named_by, names, categories, prices, message_id, pop`

/** The decision of an id. Throws `unknown_decision`: nobody has it, or it has not come from the POP yet. */
export async function findDecision(
  site: string,
  id: string,
  store: Store,
): Promise<StoredDecision> {
  const [row] = await store.query<DecisionRow>(
    `SELECT ${decisionColumns},
       (SELECT min(timestamp) FROM events_once WHERE site = {site:String} AND event = 'Decision Shown'
         AND JSONExtractString(properties, 'decisionId') = {id:String} HAVING count() > 0) AS shown_at
     FROM decisions_once WHERE site = {site:String} AND decision_id = {id:String} LIMIT 1`,
    { site, id },
  )
  if (row) return decisionOf(site, row)
  const detail = `the store has no decision ${id.slice(0, 40)}; a new one comes within seconds`
  throw new RequestRefused(404, 'unknown_decision', detail)
}

export function decisionOf(site: string, row: DecisionRow): StoredDecision {
  const { visitor, session, pop, shown_at: shownAt } = row
  return {
    ...{ site, visitor, session, pop, shownAt, ...tellableOf(row) },
    features: JSON.parse(row.features),
    inputs: JSON.parse(row.inputs),
    effects: JSON.parse(row.effects),
  }
}

/** What of a row is told, which a row on its way to the store has too. */
export function tellableOf(row: Omit<DecisionRow, 'shown_at'>): Tellable {
  const { placement, model, items, scores } = row
  const { named_by: by, names, categories, prices } = row
  return {
    ...{ decisionId: row.decision_id, at: Date.parse(row.at), placement },
    ...{ answerKind: row.kind, model, answer: JSON.parse(row.answer) },
    release: row.release === '' ? null : row.release,
    fallback: row.fallback === '' ? null : (row.fallback as Fallback),
    ...{ items: [...items], scores: [...scores] },
    // A decision of before they were stored has neither.
    ...(by.length === items.length && { itemDetails: { by, names, categories, prices } }),
    ...(row.message_id && { messageId: row.message_id }),
  }
}
