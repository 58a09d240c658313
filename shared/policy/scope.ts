import type { Totals } from '../totals.ts'
import type { CompiledPolicy } from './compile.ts'
import { celContext, declaredContext } from './context.ts'
import type { Scope } from './expression.ts'
import {
  RuleFields,
  RuleItem,
  RuleSession,
  RuleTotals,
  RuleVariants,
  type SessionFacts,
} from './facts.ts'
import { timeIn, timeZoneOf } from './time.ts'
import { variantsOf } from './variant.ts'

/** Who asks, with what, and when (epoch ms). */
export interface Asking {
  readonly visitor: string
  readonly session: SessionFacts | null
  readonly totals: Totals
  readonly context: Readonly<Record<string, unknown>>
  readonly at: number
  readonly item: (id: string) => RuleItem | undefined
}

/** What the rules of a policy see of one decision, and of it what is stored with the decision. */
export function scopeOf({ policy }: CompiledPolicy, asking: Asking) {
  const context = declaredContext(policy, asking.context)
  const variants = variantsOf(policy, asking.visitor)
  const session = new RuleSession(asking.session)
  const scope: Scope = {
    current: asking.item(session.current) ?? new RuleItem({ id: session.current }, -1),
    session,
    totals: new RuleTotals(asking.totals),
    context: new RuleFields(celContext(policy, context)),
    time: timeIn(timeZoneOf(asking.context, policy.timeZone), asking.at),
    variant: new RuleVariants(variants),
  }
  return { scope, totals: asking.totals, context, variants }
}
