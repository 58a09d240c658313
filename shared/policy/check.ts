import type { Policy } from '../policy.ts'
import { type Asked, type PolicyProblem, tryCompile } from './compile.ts'
import { failureOf } from './condition.ts'
import { demandProblems } from './demand.ts'
import { learningProblems } from './learnings.ts'
import { everyNode } from './syntax.ts'

/** Everything that keeps a policy from being released: expressions, cost, rules that can never act. */
export function checkPolicy(policy: Policy): PolicyProblem[] {
  const { compiled, problems } = tryCompile(policy, 0)
  problems.push(...holdoutProblems(policy), ...learningProblems(policy))
  problems.push(...demandProblems(compiled))
  for (const [name, { check, asked }] of compiled.placements) {
    const told = asked.flatMap((each) => [...failuresIn(each), ...variantsIn(each, policy)])
    for (const { path, ...problem } of [...check(), ...told]) {
      problems.push({ path: ['placements', name, ...path], ...problem })
    }
  }
  return problems
}

/** A holdout of a variant or at a placement that there is not holds nobody out, and nobody would know. */
function holdoutProblems({ experiments, placements }: Policy): PolicyProblem[] {
  return Object.entries(experiments).flatMap(([name, { variants, holdout }]) => {
    if (holdout === undefined) return []
    const path = ['experiments', name, 'holdout']
    const of = (field: string | number, sentence: string) => ({
      ...{ path: [...path, ...(typeof field === 'number' ? ['placements', field] : [field])] },
      ...{ offset: 0, sentence },
    })
    const able = Object.keys(placements).filter((each) => canGoWithout(placements[each]))
    const unknown = holdout.placements.flatMap((placement, at) => {
      if (!able.includes(placement))
        return [of(at, `the placements of items and offers are ${able.join(', ')}`)]
      const isEmpty = holdout.answer === 'popularity' && placements[placement]?.kind === 'offer'
      return isEmpty ? [of(at, 'no offer is popular: whoever goes without one gets nothing')] : []
    })
    if (Object.hasOwn(variants, holdout.variant)) return unknown
    return [of('variant', `the variants are ${Object.keys(variants).join(', ')}`), ...unknown]
  })
}

function failuresIn({ path, expression }: Asked): PolicyProblem[] {
  const failure = failureOf(expression)
  return failure === null ? [] : [{ path, ...failure }]
}

/** Whoever goes without anything else is left with a checkout that has no price, or an alarm that nobody hears. */
const canGoWithout = (placement: Policy['placements'][string] | undefined) =>
  placement?.kind === 'items' || placement?.kind === 'offer'

/** Comparisons of `variant.x` with a variant that the experiment does not have. */
function variantsIn({ path, expression }: Asked, { experiments }: Policy): PolicyProblem[] {
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
    return [{ path, offset: literal.start, sentence }]
  })
}
