import type { DemandLearning } from '../learning.ts'
import type { Policy } from '../policy.ts'
import type { CompiledPolicy, PolicyProblem } from './compile.ts'
import { everyNode } from './syntax.ts'

/** What keeps models of demand from being learned from the prices that a policy shows. */
export function demandProblems(compiled: CompiledPolicy): PolicyProblem[] {
  return Object.entries(compiled.policy.models ?? {}).flatMap(([name, learning]) =>
    learning.learns === 'demand' ? problemsOf(name, learning, compiled) : [],
  )
}

function problemsOf(
  name: string,
  { placement, byChance }: DemandLearning,
  { policy, placements }: CompiledPolicy,
): PolicyProblem[] {
  const of = (field: PolicyProblem['path'], sentence: string): PolicyProblem[] => [
    { path: ['models', name, ...field], offset: 0, sentence },
  ]
  const teaching = placements.get(placement)
  if (teaching?.placement.kind !== 'price') return of(['placement'], pricesOf(policy))
  const asked = teaching.placement.model
  if (asked !== name) {
    const others = asked === undefined ? 'no model' : asked
    const sentence = `${placement} asks ${others}: set its model to ${name}, or what that reads is not stored`
    return of(['placement'], sentence)
  }
  const { experiment, variants } = byChance
  const known = Object.keys(policy.experiments)
  if (!known.includes(experiment)) {
    const none = 'there is no experiment: what a price does is learned from prices shown by chance'
    const sentence = known.length === 0 ? none : `the experiments are ${known.join(', ')}`
    return of(['byChance', 'experiment'], sentence)
  }
  const parts = policy.experiments[experiment]?.variants ?? {}
  const unknown = variants.flatMap((variant, at) =>
    Object.hasOwn(parts, variant)
      ? []
      : of(
          ['byChance', 'variants', at],
          `the variants of ${experiment} are ${Object.keys(parts).join(', ')}`,
        ),
  )
  const isRead = teaching.asked.some(({ expression }) => readsVariant(expression.ast, experiment))
  if (isRead) return unknown
  const sentence = `nothing in ${placement} reads variant.${experiment}, so its prices do not differ by chance`
  return [...unknown, ...of(['byChance', 'experiment'], sentence)]
}

function pricesOf({ placements }: Policy): string {
  const prices = Object.keys(placements).filter((each) => placements[each]?.kind === 'price')
  if (prices.length === 0) return 'there is no placement of kind price'
  return `the placements of kind price are ${prices.join(', ')}`
}

function readsVariant(ast: Parameters<typeof everyNode>[0], experiment: string): boolean {
  return everyNode(ast).some((node) => {
    if (node.op !== '.') return false
    const [of, field] = node.args
    return of.op === 'id' && of.args === 'variant' && field === experiment
  })
}
