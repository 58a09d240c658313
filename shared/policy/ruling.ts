import type { CompiledItems, CompiledRule } from '../kinds/items.ts'
import { limits } from '../limits.ts'
import type { Scope } from './expression.ts'
import type { RuleItem } from './facts.ts'
import type { Verdict } from './verdicts.ts'

/** What a rule did in one decision. */
export interface RuleEffect {
  readonly name: string
  readonly effect: string
  /** Whether it was on for this visitor at this moment. */
  readonly on: boolean
  /** Evaluations that failed: of `when`, and of items. */
  failures: number
  /** Items it hid, boosted or placed. */
  readonly items: string[]
  /** Why it did nothing though its condition holds, where the kind has a word for it. */
  reason?: string
  /** Of a price: what it starts from, is multiplied by, or has added. */
  amount?: number
}

/** A rule in one decision: whether it is on, and what it says of an item. */
export interface ActiveRule {
  readonly compiled: CompiledRule
  readonly report: RuleEffect
  readonly test: (item: RuleItem) => Verdict
}

const hiding = new Set<string>(['filter', 'frequency-cap', 'cool-down'])

/**
 * The rules of a placement for one decision. Where `when` fails a rule that hides is on, since what it hides
 * must stay hidden; every other rule is off.
 */
export function ruling({ rules }: CompiledItems, scope: Scope) {
  const all = rules.map((compiled): ActiveRule => {
    const { rule } = compiled
    const asked = compiled.when === null ? 'yes' : ask(() => compiled.when?.run(scope))
    const on = asked === 'yes' || (asked === 'failed' && hiding.has(rule.effect))
    const failures = asked === 'failed' ? 1 : 0
    const report = { name: rule.name, effect: rule.effect, on, failures, items: [] as string[] }
    return { compiled, report, test: testing(compiled, report, scope) }
  })
  return { active: all.filter(({ report }) => report.on), effects: all.map(({ report }) => report) }
}

function testing({ test, verdicts }: CompiledRule, report: RuleEffect, scope: Scope) {
  let failures = 0
  return (item: RuleItem): Verdict => {
    if (test === null) return 'yes'
    let verdict = verdicts?.get(item.number)
    if (verdict === undefined) {
      if (failures >= limits.ruleFailuresMax && verdicts === null) verdict = 'failed'
      else {
        scope.item = item
        verdict = ask(() => test.run(scope))
        verdicts?.set(item.number, verdict)
      }
    }
    if (verdict === 'failed') {
      failures++
      report.failures++
    }
    return verdict
  }
}

function ask(run: () => unknown): Verdict {
  try {
    return run() === true ? 'yes' : 'no'
  } catch {
    return 'failed'
  }
}
