import type { ScoredItem } from '#shared/decide.ts'
import type { ItemsPlacement } from '#shared/kinds/items.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import type { ItemFacts, Placement, Policy, Rule } from '#shared/policy.ts'
import { type Totals, totalsAt } from '#shared/totals.ts'

/** A moment of a Monday, 12:00 in UTC. */
export const mondayNoonMs = Date.UTC(2026, 0, 5, 12)

export interface SmallDecision {
  readonly catalogue: readonly ItemFacts[]
  readonly candidates: readonly ScoredItem[]
  readonly popular?: readonly ScoredItem[]
  readonly rules: readonly Rule[]
  readonly declared?: Partial<Pick<Policy, 'context' | 'experiments' | 'timeZone'>>
  readonly itemsMax?: number
  readonly limit?: number
  readonly visitor?: string
  readonly seen?: readonly string[]
  readonly context?: Readonly<Record<string, unknown>>
  readonly totals?: Partial<Totals>
  readonly at?: number
  readonly memory?: unknown
  readonly explore?: ItemsPlacement['explore']
  readonly decisionId?: string
}

export function policyOf(
  rules: readonly Rule[],
  declared: SmallDecision['declared'] = {},
  itemsMax = 100,
  explore?: ItemsPlacement['explore'],
): Policy {
  const home: Placement = {
    ...{
      kind: 'items',
      model: 'session-knn',
      itemsMax,
      rules: [...rules] as ItemsPlacement['rules'],
    },
    ...(explore && { explore }),
  }
  return {
    ...{ context: {}, timeZone: 'UTC', experiments: {}, ...declared },
    placements: { home },
  }
}

/** One decision of a placement with these rules, as a POP makes it. */
export function decide(small: SmallDecision) {
  const { catalogue, candidates, popular = [], seen = [], limit = 100 } = small
  const policy = policyOf(small.rules, small.declared, small.itemsMax, small.explore)
  const compiled = compilePolicy(policy, catalogue)
  const items = new Map(catalogue.map((facts, number) => [facts.id, new RuleItem(facts, number)]))
  const item = (id: string) => items.get(id)
  const at = small.at ?? mondayNoonMs
  const session = {
    ...{ events: 0, views: 0, carts: 0, purchases: 0, spend: 0, items: seen, bot: false },
    ...{ startedAt: at, lastAt: at },
  }
  const { scope } = scopeOf(compiled, {
    ...{ visitor: small.visitor ?? 'a:me', session, context: small.context ?? {}, item, at },
    totals: { ...totalsAt(null, at), ...small.totals },
  })
  const placement = compiled.placements.get('home') as CompiledPlacement
  const { memory = null, decisionId } = small
  return placement.decide({
    ...(decisionId !== undefined && { decisionId }),
    ...{ candidates, popular, scope, at, item, itemsMax: limit, events: [], memory },
  })
}
