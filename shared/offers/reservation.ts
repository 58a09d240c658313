import * as v from 'valibot'
import type { BudgetName } from './budget.ts'

/**
 * What became of asking for one issue of an offer. `budget_unknown`: the POP has nothing left to give and the hub
 * does not answer.
 */
export const reservationOutcomes = [
  'reserved',
  'budget_spent',
  'budget_unknown',
  'visitor_cap',
] as const
export type ReservationOutcome = (typeof reservationOutcomes)[number]

/** One issue of an offer that a decision would give its visitor. */
export interface WantedIssue extends BudgetName {
  readonly code: 'list' | 'generated' | null
  /** Of generated codes. */
  readonly prefix: string
  readonly issuesPerVisitorMax: number | null
  /** How long the visitor gets the same again. */
  readonly heldMs: number
}

/** What a decision got of what it wanted; stored with it, so that deciding again reserves nothing. */
export const reservationSchema = v.object({
  offer: v.string(),
  outcome: v.picklist(reservationOutcomes),
  code: v.nullable(v.string()),
  /** Epoch ms; null where nothing was reserved. */
  heldUntil: v.nullable(v.number()),
})
export type Reservation = v.InferOutput<typeof reservationSchema>
