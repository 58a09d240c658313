import { limits } from '../limits.ts'
import type { ItemFacts, Placement, Policy, Rule } from '../policy.ts'
import { type Expression, type ExpressionProblem, expressionsOf } from './expression.ts'
import { Verdicts } from './verdicts.ts'

/** A rule with its expressions ready. */
export interface CompiledRule {
  readonly rule: Rule
  /** Asked once a decision; null where the rule is always on. */
  readonly when: Expression | null
  /** Asked of an item: `keep` of a filter, `where` of a boost or slot. */
  readonly test: Expression | null
  /** Its answers so far where they depend on the item alone; kept while the release lives. */
  readonly verdicts: Verdicts | null
}

export interface CompiledPlacement {
  readonly placement: Placement
  readonly rules: readonly CompiledRule[]
}

export interface CompiledPolicy {
  readonly policy: Policy
  readonly placements: ReadonlyMap<string, CompiledPlacement>
}

/** What is wrong in a policy: the keys that lead there, and how far into that text. */
export interface PolicyProblem {
  readonly path: readonly (string | number)[]
  readonly offset: number
  readonly sentence: string
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError'
}

/** Makes a policy ready for a catalogue. Throws PolicyError with what is wrong first. */
export function compilePolicy(policy: Policy, catalogue: readonly ItemFacts[]): CompiledPolicy {
  const { compiled, problems } = tryCompile(policy, catalogue.length)
  const [problem] = problems
  if (problem) throw new PolicyError(`${problem.path.join('.')}: ${problem.sentence}`)
  return compiled
}

/** The same with every problem of its expressions; a rule with one is compiled without it. */
export function tryCompile(policy: Policy, itemsTotal: number) {
  const { compile } = expressionsOf(policy)
  const problems: PolicyProblem[] = []
  const rulesTotal = Object.values(policy.placements).reduce(
    (sum, { rules }) => sum + rules.length,
    0,
  )
  // The first of a catalogue are the most viewed: it is theirs that are kept where not all can be.
  const itemsKept = Math.min(
    itemsTotal,
    Math.floor(limits.verdictBytesMax / Math.max(1, rulesTotal)),
  )
  const expression = (
    text: string | undefined,
    of: 'item' | 'visitor',
    path: PolicyProblem['path'],
  ) => {
    if (text === undefined) return null
    const result = compile(text, of)
    if (!isProblem(result)) return result
    problems.push({ path, ...result })
    return null
  }
  const placements = Object.entries(policy.placements).map(([name, placement]) => {
    const rules = placement.rules.map((rule, number): CompiledRule => {
      const path = ['placements', name, 'rules', number]
      const when = expression(rule.when, 'visitor', [...path, 'when'])
      const [field, text] = testOf(rule)
      const test = expression(text, 'item', [...path, field])
      const isOfItem = test !== null && [...test.reads].every((read) => read === 'item')
      return { rule, when, test, verdicts: isOfItem ? new Verdicts(itemsKept) : null }
    })
    return [name, { placement, rules }] as const
  })
  return {
    compiled: { policy, placements: new Map(placements) } satisfies CompiledPolicy,
    problems,
  }
}

function testOf(rule: Rule): readonly [field: string, text: string | undefined] {
  if (rule.effect === 'filter') return ['keep', rule.keep]
  return 'where' in rule ? ['where', rule.where] : ['where', undefined]
}

function isProblem(result: Expression | ExpressionProblem): result is ExpressionProblem {
  return 'sentence' in result
}
