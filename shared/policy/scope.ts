import type { Totals } from '../totals.ts'
import type { CompiledPolicy } from './compile.ts'
import { celFields, declaredOf } from './context.ts'
import type { Scope } from './expression.ts'
import {
  RuleEvent,
  RuleFields,
  RuleItem,
  RuleSession,
  RuleTotals,
  RuleVariants,
  type SessionFacts,
} from './facts.ts'
import type { FieldTypeName } from './fields.ts'
import { timeIn, timeZoneOf } from './time.ts'
import { variantsOf } from './variant.ts'

/** Who asks, with what, and when (epoch ms). */
export interface Asking {
  readonly visitor: string
  readonly session: SessionFacts | null
  readonly totals: Totals
  readonly context: Readonly<Record<string, unknown>>
  /** What the placement declares of an event, and the properties of the newest one. */
  readonly event?: {
    readonly declared: Readonly<Record<string, FieldTypeName>>
    readonly properties: Readonly<Record<string, unknown>>
  }
  /** Of the placement's model; null where there is none, or it failed. */
  readonly score?: number | null
  readonly at: number
  /** Of the visitor's clock, where it is known; else by the context, or the policy's. */
  readonly timeZone?: string
  readonly item: (id: string) => RuleItem | undefined
}

/** What the rules of a policy see of one decision, and of it what is stored with the decision. */
export function scopeOf({ policy }: CompiledPolicy, asking: Asking) {
  const context = declaredOf(policy.context, asking.context)
  const { declared = {}, properties = {} } = asking.event ?? {}
  const event = declaredOf(declared, properties)
  const variants = variantsOf(policy, asking.visitor)
  const session = new RuleSession(asking.session)
  const { score = null } = asking
  const scope: Scope = {
    current: asking.item(session.current) ?? new RuleItem({ id: session.current }, -1),
    session,
    totals: new RuleTotals(asking.totals),
    context: new RuleFields(celFields(policy.context, context)),
    event: new RuleEvent(celFields(declared, event)),
    time: timeIn(asking.timeZone ?? timeZoneOf(asking.context, policy.timeZone), asking.at),
    variant: new RuleVariants(variants),
    ...(score === null ? {} : { score }),
  }
  const told = {
    ...(Object.keys(declared).length === 0 ? {} : { event }),
    ...(score === null ? {} : { score }),
  }
  return { scope, totals: asking.totals, context, variants, ...told }
}
