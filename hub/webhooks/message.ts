import { toldOf } from '#shared/told.ts'
import { type DecisionRow, decisionOf } from '../decisions/find-decision.ts'
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
  const site = String(row.site)
  const decision = decisionOf(site, row as unknown as DecisionRow)
  const { decisionId: id, visitor } = decision
  const data = { site, visitor, ...toldOf(decision) }
  return {
    ...{ id, site, visitor },
    body: JSON.stringify({ type: 'decision.made', timestamp: row.at, data }),
  }
}
