import { toldOf } from '#shared/told.ts'
import { type DecisionRow, tellableOf } from '../decisions/find-decision.ts'
import type { Row } from '../rows.ts'

/** One decision on its way to one endpoint. */
export interface WebhookMessage {
  /** The decision's own id: the same however often it is sent, so that a receiver can tell. */
  readonly id: string
  readonly site: string
  readonly visitor: string
  /** JSON; signed as it is, so it is written once. */
  readonly body: string
}

/** A decision as it was stored, as an endpoint gets it: type, timestamp and data, as Standard Webhooks advises. */
export function messageOf(row: Row): WebhookMessage {
  // As `decisionRow` of hub/rows.ts made it.
  const { site, ...decision } = row as unknown as Omit<DecisionRow, 'shown_at'> & { site: string }
  const { decision_id: id, visitor, at: timestamp } = decision
  const data = { site, visitor, ...toldOf(tellableOf(decision)) }
  return {
    ...{ id, site, visitor },
    body: JSON.stringify({ type: 'decision.made', timestamp, data }),
  }
}
