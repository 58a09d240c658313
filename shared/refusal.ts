/** Why one event was refused: data, never an exception. A refused event never sinks its neighbours. */
export type RefusalReason =
  | 'not_an_object'
  | 'unknown_type'
  | 'missing_message_id'
  | 'missing_visitor_id'
  | 'invalid_id'
  | 'invalid_field'
  | 'out_of_range'
  | 'number_not_finite'
  | 'too_deep'
  | 'event_too_large'
  | 'timestamp_out_of_range'

export interface Refusal {
  readonly reason: RefusalReason
  /** Dotted path of the field, '' for the event as a whole. */
  readonly field: string
  /** A sentence for the person who sent it. */
  readonly detail: string
}

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: Refusal }

export function accept<Value>(value: Value): Outcome<Value> {
  return { ok: true, value }
}

export function refuse(reason: RefusalReason, field: string, detail: string): Outcome<never> {
  return { ok: false, refusal: { reason, field, detail } }
}
