import * as v from 'valibot'
import type { ScoredItem } from './decide.ts'
import { limits } from './limits.ts'
import { type Reservation, reservationSchema } from './offers/reservation.ts'
import type { RuleEffect } from './policy/ruling.ts'
import type { Session } from './session.ts'

/** What deciding reads beside the features, stored with the decision so that the hub can decide the same again. */
export const decisionInputsSchema = v.object({
  /** What set it off, where that was no event and no question: the time had come that `memory` asked for. */
  by: v.optional(v.literal('clock')),
  /** What of the session is not among the features; `items` are left out where the features have them all. */
  session: v.object({
    events: v.number(),
    bot: v.boolean(),
    items: v.optional(v.array(v.string())),
  }),
  timeZone: v.string(),
  /** The question's. */
  itemsMax: v.number(),
  /** Names of the question's events, in their order. */
  events: v.array(v.string()),
  /** When the event that set it off happened, epoch ms; absent where somebody asked. */
  eventAt: v.optional(v.number()),
  /** What the placement remembered of the visitor; absent where it was nothing. */
  memory: v.optional(v.unknown()),
  /** What was reserved for it; absent where nothing was wanted. */
  reservations: v.optional(v.array(reservationSchema)),
  /** What was popular at the POP, where there was no release to say it. */
  popular: v.optional(v.array(v.object({ id: v.string(), score: v.number() }))),
})
export type DecisionInputs = v.InferOutput<typeof decisionInputsSchema>

/** What a POP knows at the end of a decision. */
export interface Decidedly {
  readonly session: Session | null
  /** Items among the features. */
  readonly itemsSeen: number
  readonly timeZone: string
  readonly itemsMax: number
  readonly events: readonly { readonly event: string }[]
  readonly eventAt?: number | undefined
  readonly memory: unknown
  readonly reservations?: readonly Reservation[] | undefined
  /** Null where a release says what is popular. */
  readonly popular: readonly ScoredItem[] | null
}

export function inputsOf(known: Decidedly): DecisionInputs {
  const { session, timeZone, itemsMax, memory, reservations, popular, eventAt } = known
  const items = session?.items ?? []
  return {
    session: {
      ...{ events: session?.events ?? 0, bot: session?.bot ?? false },
      ...(items.length === known.itemsSeen ? {} : { items: [...items] }),
    },
    ...{ timeZone, itemsMax, events: known.events.map(({ event }) => event) },
    ...(eventAt === undefined ? {} : { eventAt }),
    ...(memory === null ? {} : { memory }),
    ...(reservations === undefined ? {} : { reservations: [...reservations] }),
    ...(popular === null ? {} : { popular: popular.slice(0, limits.decisionItemsMax) }),
  }
}

export const keptEffectSchema = v.object({
  name: v.string(),
  effect: v.string(),
  failures: v.number(),
  /** How many items it hid, boosted or placed. */
  items: v.number(),
  /** Why it did nothing though it would have. */
  reason: v.optional(v.string()),
  /** Of a price since 2026-11-26: what it starts from, is multiplied by, or has added. */
  amount: v.optional(v.number()),
})

/**
 * Of the rules of a decision those that did something or failed, without the items. A rule of items that is on
 * has done nothing yet; of every other kind it has made the answer.
 */
export function effectsToKeep(kind: string, effects: readonly RuleEffect[]) {
  return effects
    .filter(({ on, items, failures, reason }) => {
      if (items.length > 0 || failures > 0 || reason !== undefined) return true
      return on && kind !== 'items'
    })
    .map(({ name, effect, failures, items, reason, amount }) => ({
      ...{ name, effect, failures, items: items.length },
      ...(reason !== undefined && { reason }),
      ...(amount !== undefined && { amount }),
    }))
}
