import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { contextOfTrigger } from '#shared/policy/context.ts'
import { timeIn, timeZoneOf } from '#shared/policy/time.ts'
import type { Policy } from '#shared/policy.ts'
import type { ProfileValues } from '#shared/profile.ts'
import type { FeatureFacts } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'
import { noVisitorState, takeEvent, type VisitorState } from '#shared/visitor-state.ts'
import { momentOf } from './moment.ts'
import type { Tellings } from './read-tellings.ts'

/** An event of the store; times in epoch ms, JSON as text. */
export interface StoredEvent {
  readonly visitor: string
  /** Which took it: each knows what came to it. */
  readonly pop: string
  readonly event: string
  readonly timestamp: number
  readonly receivedAt: number
  readonly bot: boolean
  readonly properties: string
  readonly context: string
  /** The word that another event said of it, as JSON, and when; '' where none did. */
  readonly said: string
  readonly saidAt: number
  /** What a trait of the visitor was told to be, by each who told it; of a model that learns from one. */
  readonly told?: readonly Tellings[]
  /** Whether its moment may be learned from; absent where it may. */
  readonly teaches?: boolean
  /** What the store knew of the visitor before the event's session; absent or null where no feature reads it. */
  readonly profile?: ProfileValues | null
}

/** How visitors are replayed. */
export interface Replaying {
  readonly after: readonly string[]
  readonly idleMsMax: number
  readonly timeZone: string
  /** What the policy declares of a context, where events set off the decisions; null where somebody asks, and tells all of it. */
  readonly declared: Policy['context'] | null
}

/** An event with where it came to lie. */
export interface ReplayedEvent extends StoredEvent {
  readonly session: string
  readonly isLate: boolean
}

/** A moment at which a POP could have been asked, right after an event, and what it knew. */
export interface Moment {
  /** Where its event is among the replayed ones. */
  readonly index: number
  readonly facts: FeatureFacts
}

/** What a POP has of the visitor. */
interface Kept {
  readonly state: VisitorState
  readonly clock: number
  readonly seenAt: number
}

const nothingKept: Kept = {
  state: noVisitorState,
  clock: Number.NEGATIVE_INFINITY,
  seenAt: Number.NEGATIVE_INFINITY,
}

/**
 * Replays one visitor's events, in the order in which each POP took them, through what a POP runs: the facts are those
 * that it had, to the bit. An event that came long after it happened is taken as if it had come at once: history
 * that is imported teaches as if it had been lived through.
 */
export function replayHistory(
  history: readonly StoredEvent[],
  { after, idleMsMax, timeZone, declared }: Replaying,
): { readonly events: readonly ReplayedEvent[]; readonly moments: readonly Moment[] } {
  const events: ReplayedEvent[] = []
  const moments: Moment[] = []
  const pops = new Map<string, Kept>()
  for (const [index, stored] of history.entries()) {
    const kept = pops.get(stored.pop) ?? nothingKept
    const at = Math.max(kept.clock, momentOf(stored.receivedAt, stored.timestamp))
    // A POP forgets whom it has not seen for so long.
    const isForgotten = stored.receivedAt - kept.seenAt > limits.visitorRetentionMs
    const event = eventOf(stored, at)
    const step = takeEvent(isForgotten ? noVisitorState : kept.state, event, idleMsMax)
    const { state } = step
    pops.set(stored.pop, { state, clock: at, seenAt: stored.receivedAt })
    const { session, late: isLate, bot } = step.placed
    events.push({ ...stored, session, isLate })
    // Bots never teach a model.
    if (isLate || bot || stored.teaches === false || !after.includes(stored.event)) continue
    const context = declared ? contextOfTrigger(declared, event.context) : event.context
    // At a POP it comes after the first event of a session.
    const profile = (state.session?.events ?? 0) > 1 ? (stored.profile ?? null) : null
    const { hour, minute, weekday } = timeIn(timeZoneOf(context, timeZone), at)
    moments.push({
      index,
      facts: {
        ...{ session: state.session, totals: totalsAt(state.totals, at) },
        ...{ profile, event: event.properties, context },
        time: { hour: Number(hour), minute: Number(minute), weekday: Number(weekday) },
      },
    })
  }
  return { events, moments }
}

/** As much of an event as sessions, totals and features read; an item changes none of them. */
function eventOf(stored: StoredEvent, receivedAt: number): ShelfEvent {
  const { event, timestamp, bot, properties, context } = stored
  return {
    ...{ type: 'track', messageId: '', event, timestamp, originalTimestamp: timestamp },
    ...{ receivedAt, bot, items: [], traits: {} },
    ...{ properties: JSON.parse(properties), context: JSON.parse(context) },
  }
}
