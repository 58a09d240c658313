import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js'
import { limits } from '../limits.ts'
import type { Policy } from '../policy.ts'
import {
  fieldTypes,
  RuleFields,
  RuleItem,
  RuleSession,
  RuleTime,
  RuleTotals,
  RuleVariants,
} from './facts.ts'
import { readsOf, refusalOfCalls, stepsOf } from './syntax.ts'

/** What an expression is evaluated over; `item` only where it is asked of an item. */
export interface Scope {
  item?: RuleItem
  readonly current: RuleItem
  readonly session: RuleSession
  readonly totals: RuleTotals
  readonly context: RuleFields
  readonly time: RuleTime
  readonly variant: RuleVariants
}

/** An expression that is checked and ready; `run` throws where a field is missing or a number is divided by 0. */
export interface Expression {
  readonly run: (scope: Scope) => boolean
  readonly ast: ASTNode
  /** Names of the variables it reads. */
  readonly reads: ReadonlySet<string>
  /** Steps of one evaluation, its loops counted at their longest. */
  readonly steps: number
}

/** Why an expression cannot be used, and where in its text (characters from its start). */
export interface ExpressionProblem {
  readonly offset: number
  readonly sentence: string
}

export interface Expressions {
  /** Of an item, or of the visitor alone. */
  readonly compile: (text: string, of: 'item' | 'visitor') => Expression | ExpressionProblem
}

/** A compiler of the expressions of one policy: what they may read is what the policy declares. */
export function expressionsOf(policy: Pick<Policy, 'context' | 'experiments'>): Expressions {
  const variants = Object.keys(policy.experiments).map((name) => [name, 'string'])
  const visitor = new Environment({
    limits: {
      ...{ maxAstNodes: limits.expressionStepsMax, maxDepth: 50, maxListElements: 200 },
      ...{ maxMapEntries: 0, maxCallArguments: 4 },
    },
  })
    .registerType('Item', { ctor: RuleItem, fields: fieldTypes.item })
    .registerType('Session', { ctor: RuleSession, fields: fieldTypes.session })
    .registerType('Totals', { ctor: RuleTotals, fields: fieldTypes.totals })
    .registerType('Context', { ctor: RuleFields, fields: policy.context })
    .registerType('Time', { ctor: RuleTime, fields: fieldTypes.time })
    .registerType('Variants', { ctor: RuleVariants, fields: Object.fromEntries(variants) })
    .registerVariable('current', 'Item')
    .registerVariable('session', 'Session')
    .registerVariable('totals', 'Totals')
    .registerVariable('context', 'Context')
    .registerVariable('time', 'Time')
    .registerVariable('variant', 'Variants')
  const item = visitor.clone().registerVariable('item', 'Item')
  const environments = { item, visitor }
  return { compile: (text, of) => compile(text, environments[of]) }
}

function compile(text: string, environment: Environment): Expression | ExpressionProblem {
  const { valid, type, error } = environment.check(text)
  if (!valid) {
    return { offset: error?.range?.start ?? 0, sentence: error?.summary ?? 'it cannot be read' }
  }
  if (type !== 'bool') return { offset: 0, sentence: `it is of type ${type}, bool is needed` }
  const parsed: ParseResult = environment.parse(text)
  const refused = refusalOfCalls(parsed.ast)
  if (refused) return refused
  const steps = stepsOf(parsed.ast)
  if (steps > limits.expressionStepsMax) {
    const sentence = `it may take ${steps} steps, ${limits.expressionStepsMax} are allowed`
    return { offset: 0, sentence }
  }
  return {
    run: parsed as unknown as Expression['run'],
    ...{ ast: parsed.ast, reads: readsOf(parsed.ast), steps },
  }
}
