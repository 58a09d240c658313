import { limits } from '../limits.ts'
import type { Policy, Rule } from '../policy.ts'
import { type CompiledRule, type PolicyProblem, tryCompile } from './compile.ts'
import type { Expression, Scope } from './expression.ts'
import { everyNode } from './syntax.ts'

type Found = Omit<PolicyProblem, 'path'> & { readonly field: string }

/** Everything that keeps a policy from being released: expressions, cost, rules that can never act. */
export function checkPolicy(policy: Policy): PolicyProblem[] {
  const { compiled, problems } = tryCompile(policy, 0)
  for (const [name, { placement, rules }] of compiled.placements) {
    const path = ['placements', name]
    const steps = rules.reduce(
      (sum, rule) => sum + (rule.verdicts ? 0 : (rule.test?.steps ?? 0)),
      0,
    )
    if (steps > limits.placementStepsMax) {
      const sentence = `its rules may take ${steps} steps an item, ${limits.placementStepsMax} are allowed`
      problems.push({ path: [...path, 'rules'], offset: 0, sentence })
    }
    for (const [number, rule] of rules.entries()) {
      const earlier = rules.slice(0, number).map((each) => each.rule)
      const found = [
        ...unreachable(rule, earlier, placement.itemsMax),
        ...[
          ...variantsIn(rule.when, 'when', policy),
          ...variantsIn(rule.test, testField(rule.rule), policy),
        ],
      ]
      for (const { field, ...problem } of found) {
        problems.push({ path: [...path, 'rules', number, field], ...problem })
      }
    }
  }
  return problems
}

const testField = (rule: Rule) => (rule.effect === 'filter' ? 'keep' : 'where')

/** Why a rule can never act; nothing where it can. */
function unreachable(
  { rule, when, test }: CompiledRule,
  earlier: readonly Rule[],
  itemsMax: number,
): Found[] {
  const of = (field: string, sentence: string) => [{ field, offset: 0, sentence }]
  if (constantOf(when) === false) return of('when', 'it is never true, so the rule never acts')
  if (rule.effect === 'filter' && constantOf(test) !== undefined) {
    return of('keep', `it is always ${constantOf(test)}: say what it depends on`)
  }
  if (rule.effect !== 'filter' && constantOf(test) === false) {
    return of('where', 'it is never true, so the rule never acts')
  }
  if (earlier.some(({ name }) => name === rule.name)) {
    return of('name', `another rule is called ${rule.name}`)
  }
  const always = earlier.filter((each) => each.when === undefined)
  if (rule.effect === 'pin' || rule.effect === 'slot') {
    if (rule.position > itemsMax) return of('position', `the placement has ${itemsMax} places`)
    const taken = always.find((each) => 'position' in each && each.position === rule.position)
    if (taken) return of('position', `the rule ${taken.name} always has this place`)
  }
  const first = always.find(({ effect }) => effect === rule.effect && singles.has(effect))
  return first ? of('effect', `the rule ${first.name} always goes before it`) : []
}

/** Effects of which the first that is on acts. */
const singles = new Set<Rule['effect']>(['category-cap', 'diversity'])

/** What an expression that reads nothing says; undefined where it reads something, or fails. */
function constantOf(expression: Expression | null): boolean | undefined {
  if (expression === null || expression.reads.size > 0) return undefined
  try {
    return expression.run({} as Scope)
  } catch {
    return undefined
  }
}

/** Comparisons of `variant.x` with a variant that the experiment does not have. */
function variantsIn(
  expression: Expression | null,
  field: string,
  { experiments }: Policy,
): Found[] {
  if (expression === null) return []
  return everyNode(expression.ast).flatMap((node) => {
    if (node.op !== '==' && node.op !== '!=') return []
    const [left, right] = node.args
    const [access, literal] = left.op === '.' ? [left, right] : [right, left]
    if (access.op !== '.' || literal.op !== 'value') return []
    const [of, name] = access.args
    if (of.op !== 'id' || of.args !== 'variant') return []
    const known = Object.keys(experiments[name]?.variants ?? {})
    if (known.includes(String(literal.args))) return []
    const sentence = `the variants of ${name} are ${known.join(', ')}`
    return [{ field, offset: literal.start, sentence }]
  })
}
