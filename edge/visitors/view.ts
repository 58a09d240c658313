import type { ShelfEvent } from '#shared/event.ts'
import { freshProfile, type Profile } from '#shared/profile.ts'
import type { Session } from '#shared/session.ts'
import { type Totals, totalsAt } from '#shared/totals.ts'
import { takeEvent, type VisitorState } from '#shared/visitor-state.ts'
import { type Memory, readMemory } from './memory.ts'

/** A visitor as its owner keeps it, as JSON where it is not null. */
export interface KeptVisitor {
  /** Another one after every change: of two that are the same the rest is, too. */
  readonly version: string
  readonly session: string | null
  readonly totals: string | null
  readonly memory: string | null
  readonly profile: Profile | null
}

/** A visitor as a decision sees it: session and totals with the request's events already in them. */
export interface VisitorView {
  readonly session: Session | null
  readonly totals: Totals
  readonly memory: Memory
  /** Null where none has come, none is wanted, or it is too old. */
  readonly profile: Profile | null
  /** Whether the last of the request's events has not been seen before. */
  readonly isLastNew: boolean
  /** Keys of a user's devices; of a device none. */
  readonly linked: readonly string[]
}

/** Of which commit a visitor's row is, and which profile lies beside it; '' where there is no row. */
export function versionOf(
  row: { readonly epoch: number; readonly sequence: number } | undefined,
  profile: Profile | null,
): string {
  return row ? `${row.epoch}.${row.sequence}.${profile?.asOf ?? ''}` : ''
}

export function readState(kept: Pick<KeptVisitor, 'session' | 'totals'> | undefined): VisitorState {
  return {
    session: kept?.session ? JSON.parse(kept.session) : null,
    totals: kept?.totals ? JSON.parse(kept.totals) : null,
  }
}

/** What a state says at a moment, epoch ms. */
export function viewOf(
  { session, totals }: VisitorState,
  { memory, profile }: Pick<KeptVisitor, 'memory' | 'profile'>,
  at: number,
): Pick<VisitorView, 'session' | 'totals' | 'memory' | 'profile'> {
  const fresh = profile && freshProfile(profile, at)
  return { session, totals: totalsAt(totals, at), memory: readMemory(memory), profile: fresh }
}

/** The view of somebody who holds what was kept, should that still be so and all of the events be new. */
export function viewFrom(
  kept: KeptVisitor,
  events: readonly ShelfEvent[],
  sessionIdleMsMax: number,
  at: number,
): VisitorView {
  const state = events.reduce(
    (before, event) => takeEvent(before, event, sessionIdleMsMax).state,
    readState(kept),
  )
  return { ...viewOf(state, kept, at), isLastNew: events.length > 0, linked: [] }
}
