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

/**
 * A stored decision as an endpoint gets it: type, timestamp and data, as Standard Webhooks advises. It says what the
 * stream of the visitor says; of an item that is its id and its score, which is what is recorded of it.
 */
export function messageOf(row: Row): WebhookMessage {
  const scores = row.scores as readonly number[]
  const items = (row.items as readonly string[]).map((id, at) => ({ id, score: scores[at] }))
  const data = {
    ...{ decisionId: row.decision_id, site: row.site, visitor: row.visitor },
    ...{ placement: row.placement, kind: row.kind, answer: JSON.parse(String(row.answer)) },
    ...{ items, model: row.model },
    release: row.release || null,
    fallback: row.fallback || null,
  }
  return {
    id: String(row.decision_id),
    site: String(row.site),
    visitor: String(row.visitor),
    body: JSON.stringify({ type: 'decision.made', timestamp: row.at, data }),
  }
}
