import { interactionEvents, type ShelfEvent } from './event.ts'
import { limits } from './limits.ts'

/** A visitor's run of events with no gap longer than the idle limit: what the POP remembers and a model sees. */
export interface Session {
  readonly id: string
  readonly startedAt: number
  readonly lastAt: number
  readonly events: number
  readonly views: number
  readonly carts: number
  readonly purchases: number
  readonly spend: number
  /** Items viewed or chosen, oldest first, runs of the same item once, at most `sessionItemsMax`. */
  readonly items: readonly string[]
  readonly bot: boolean
}

/** Where an event came to lie: its session, and whether it came after its session had been left behind. */
export interface Placed {
  readonly session: string
  readonly late: boolean
  readonly bot: boolean
}

export interface SessionStep {
  readonly session: Session | null
  readonly placed: Placed
}

/** People do not look at more than one item a second for minutes; crawlers do. */
const botEventsMin = 60
const botEventsPerSecondMin = 1

/**
 * Takes one event into a visitor's session: the one rule of what a session is, for serving, replay and training.
 *
 * An event older than the running session by more than the idle limit is late (a device that was offline):
 * it gets a session of its own by its time, and the running session is left as it is.
 */
export function reduceSession(
  session: Session | null,
  event: ShelfEvent,
  idleMsMax: number = limits.sessionIdleMsDefault,
): SessionStep {
  if (session && event.timestamp < session.startedAt - idleMsMax) {
    const bucket = Math.floor(event.timestamp / idleMsMax)
    return { session, placed: { session: `late-${bucket}`, late: true, bot: event.bot } }
  }
  const isNew = session === null || event.timestamp - session.lastAt > idleMsMax
  const next = extend(isNew ? begin(event) : session, event)
  return { session: next, placed: { session: next.id, late: false, bot: next.bot } }
}

/** Adds an item to a run: the same item twice in a row is one interest. */
export function appendItem(items: readonly string[], item: string): readonly string[] {
  if (items.at(-1) === item) return items
  return [...items, item].slice(-limits.sessionItemsMax)
}

function begin(event: ShelfEvent): Session {
  return {
    id: `s${event.timestamp}`,
    startedAt: event.timestamp,
    lastAt: event.timestamp,
    events: 0,
    views: 0,
    carts: 0,
    purchases: 0,
    spend: 0,
    items: [],
    bot: false,
  }
}

function extend(session: Session, event: ShelfEvent): Session {
  const events = session.events + 1
  const lastAt = Math.max(session.lastAt, event.timestamp)
  return {
    id: session.id,
    startedAt: session.startedAt,
    lastAt,
    events,
    views: session.views + count(event, 'Product Viewed'),
    carts: session.carts + count(event, 'Product Added'),
    purchases: session.purchases + count(event, 'Order Completed'),
    spend: finite(session.spend + spendOf(event)),
    items: interactionEvents.includes(event.event)
      ? event.items.reduce(appendItem, session.items)
      : session.items,
    bot: session.bot || event.bot || isTooFast(events, lastAt - session.startedAt),
  }
}

function count(event: ShelfEvent, name: string): number {
  return event.event === name ? 1 : 0
}

/** What an event says was spent: the total of an order, 0 for every other and where it is no number. */
export function spendOf(event: Pick<ShelfEvent, 'event' | 'properties'>): number {
  if (event.event !== 'Order Completed') return 0
  const said = event.properties.total ?? event.properties.revenue
  // Nothing else is turned into a number: an object may bring a valueOf of its own, which throws.
  if (typeof said !== 'number' && typeof said !== 'string') return 0
  const spend = Number(said)
  return Number.isFinite(spend) ? spend : 0
}

/** A sum past what a number can hold would be stored as null, and replay would differ from live. */
function finite(sum: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, sum))
}

function isTooFast(events: number, lengthMs: number): boolean {
  return events >= botEventsMin && events / Math.max(1, lengthMs / 1_000) > botEventsPerSecondMin
}
