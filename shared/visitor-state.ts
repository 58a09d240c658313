import type { ShelfEvent } from './event.ts'
import { type Placed, reduceSession, type Session } from './session.ts'
import { countEvent, type RunningTotals } from './totals.ts'

/** What features are read from: a visitor's session and running totals. Null where nothing is remembered. */
export interface VisitorState {
  readonly session: Session | null
  readonly totals: RunningTotals | null
}

/** A visitor of whom nothing is known. */
export const noVisitorState: VisitorState = { session: null, totals: null }

/** Takes an event into a visitor: the same at the POP, and where the hub replays the store. */
export function takeEvent(
  { session: before, totals }: VisitorState,
  event: ShelfEvent,
  idleMsMax: number,
): { readonly state: VisitorState; readonly placed: Placed } {
  const { session, placed } = reduceSession(before, event, idleMsMax)
  return { state: { session, totals: countEvent(totals, event, before, session) }, placed }
}
