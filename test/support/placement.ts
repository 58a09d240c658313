import type { ShelfEvent } from '#shared/event.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import type { Reservation, WantedIssue } from '#shared/offers/reservation.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import type { Placement, Policy } from '#shared/policy.ts'
import { totalsAt } from '#shared/totals.ts'
import { mondayNoonMs } from './decision.ts'

export interface SmallQuestion {
  readonly at?: number
  readonly context?: Readonly<Record<string, unknown>>
  readonly event?: Readonly<Record<string, unknown>>
  readonly events?: readonly ShelfEvent[]
  readonly score?: number | null | undefined
  readonly memory?: unknown
  readonly itemsMax?: number
  /** What a POP gets of what the placement wants. */
  readonly reserve?: (wanted: readonly WantedIssue[]) => readonly Reservation[]
}

export function policyOfOne(
  placement: Placement,
  context: Policy['context'] = {},
  more: Partial<Policy> = {},
): Policy {
  return { context, timeZone: 'UTC', experiments: {}, ...more, placements: { home: placement } }
}

/** A placement that decides alone, question after question, and remembers as a POP would. */
export function deciding(placement: Placement, context: Policy['context'] = {}) {
  const policy = compilePolicy(policyOfOne(placement, context), [])
  const home = policy.placements.get('home') as CompiledPlacement
  let memory: unknown = null
  return (question: SmallQuestion = {}): Outcome => {
    const { at = mondayNoonMs, events = [], score = null, itemsMax = 1 } = question
    const { scope } = scopeOf(policy, {
      ...{ visitor: 'a:me', session: null, context: question.context ?? {}, at, score },
      event: { declared: placement.event ?? {}, properties: question.event ?? {} },
      item: () => undefined,
      totals: totalsAt(null, at),
    })
    const remembered = 'memory' in question ? question.memory : memory
    const wanted = home.wants?.({ scope, at, memory: remembered, itemsMax })
    const outcome = home.decide({
      ...{ scope, at, events, candidates: [], popular: [], itemsMax, item: () => undefined },
      ...{ memory: remembered, reservations: wanted && question.reserve?.(wanted) },
    })
    // Through JSON and back, as it lies in the visitor's row.
    if (outcome.memory !== undefined) memory = JSON.parse(JSON.stringify(outcome.memory))
    return outcome
  }
}
