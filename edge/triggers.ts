import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import type { CompiledPolicy } from '#shared/policy/compile.ts'

/** An event that sets off decisions, with those of its visitor since the one before it; it is the last of them. */
export interface Trigger {
  readonly event: ShelfEvent
  readonly placements: readonly string[]
  readonly events: readonly ShelfEvent[]
}

/**
 * Which of a visitor's events set off a decision, in their order. An event of long ago is taken and sets off nothing:
 * nobody is helped by an alarm of last week, unless the placement says so.
 */
export function triggersOf(
  events: readonly ShelfEvent[],
  { listeners, placements: all }: CompiledPolicy,
  at: number,
): Trigger[] {
  if (listeners.size === 0) return []
  const isHeard = (placement: string, { timestamp }: ShelfEvent) =>
    timestamp >= at - (all.get(placement)?.placement.onAgeMsMax ?? limits.triggerAgeMsMax)
  const triggers: Trigger[] = []
  let since = 0
  for (const [index, event] of events.entries()) {
    const listening = listeners.get(event.event) ?? []
    const placements = listening.filter((placement) => isHeard(placement, event))
    if (placements.length === 0) continue
    triggers.push({ event, placements, events: events.slice(since, index + 1) })
    since = index + 1
  }
  return triggers
}
