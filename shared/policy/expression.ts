import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js'
import { limits } from '../limits.ts'
import type { Policy } from '../policy.ts'
import {
  fieldTypes,
  RuleEvent,
  RuleFields,
  RuleItem,
  RuleSession,
  RuleTime,
  RuleTotals,
  RuleVariants,
} from './facts.ts'
import type { FieldTypeName } from './fields.ts'
import { keepFinite } from './finite.ts'
import { accessRefused, readsOf, refusalOfCalls, stepsOf, undeclaredIn } from './syntax.ts'

/** What an expression is evaluated over; `item` only where it is asked of an item. */
export interface Scope {
  item?: RuleItem
  readonly current: RuleItem
  readonly session: RuleSession
  readonly totals: RuleTotals
  readonly context: RuleFields
  /** The newest event of the question, as far as the placement declares it. */
  readonly event: RuleEvent
  readonly time: RuleTime
  readonly variant: RuleVariants
  /** Of the placement's model; absent where it names none, or where the model failed. */
  score?: number
}

/** What an expression may be asked for. */
export type Answered = boolean | number | string
/** Types of CEL, by the type of ours that an expression has to answer with. */
const answerTypes = { yesNo: ['bool'], number: ['double', 'int'], text: ['string'] } as const
export type AnswerType = keyof typeof answerTypes

/** An expression that is checked and ready; `run` throws where a field is missing, or arithmetic leaves the numbers. */
export interface Expression<Answer extends Answered = boolean> {
  readonly run: (scope: Scope) => Answer
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

/** What the expressions of one placement may read: what the policy and the placement declare. */
export interface Readable {
  readonly context: Readonly<Record<string, FieldTypeName>>
  readonly event: Readonly<Record<string, FieldTypeName>>
  readonly experiments: Policy['experiments']
  readonly hasScore: boolean
  /** Fields that no expression may read, declared or not; absent where there are none. */
  readonly isRefused?: ((field: string) => boolean) | undefined
}

export interface Expressions {
  /** Of an item, or of the visitor alone. */
  readonly compile: (
    text: string,
    of: 'item' | 'visitor',
    answer: AnswerType,
  ) => Expression<Answered> | ExpressionProblem
}

/** A compiler of expressions: they may read what is declared, and nothing else. */
export function expressionsOf(readable: Readable): Expressions {
  const { context, event, experiments, hasScore } = readable
  const variants = Object.keys(experiments).map((name) => [name, 'string'])
  const visitor = new Environment({
    limits: {
      ...{ maxAstNodes: limits.expressionStepsMax, maxDepth: 50, maxListElements: 200 },
      ...{ maxMapEntries: 0, maxCallArguments: 4 },
    },
  })
    .registerType('Item', { ctor: RuleItem, fields: fieldTypes.item })
    .registerType('Session', { ctor: RuleSession, fields: fieldTypes.session })
    .registerType('Totals', { ctor: RuleTotals, fields: fieldTypes.totals })
    .registerType('Context', { ctor: RuleFields, fields: context })
    .registerType('Event', { ctor: RuleEvent, fields: event })
    .registerType('Time', { ctor: RuleTime, fields: fieldTypes.time })
    .registerType('Variants', { ctor: RuleVariants, fields: Object.fromEntries(variants) })
    .registerVariable('current', 'Item')
    .registerVariable('session', 'Session')
    .registerVariable('totals', 'Totals')
    .registerVariable('context', 'Context')
    .registerVariable('event', 'Event')
    .registerVariable('time', 'Time')
    .registerVariable('variant', 'Variants')
  if (hasScore) visitor.registerVariable('score', 'double')
  const item = visitor.clone().registerVariable('item', 'Item')
  const environments = { item, visitor }
  return { compile: (text, of, answer) => compile(text, environments[of], answer, readable) }
}

function compile(
  text: string,
  environment: Environment,
  answer: AnswerType,
  { context, event, isRefused }: Readable,
): Expression<Answered> | ExpressionProblem {
  const { valid, type, error } = environment.check(text)
  if (!valid) {
    return { offset: error?.range?.start ?? 0, sentence: error?.summary ?? 'it cannot be read' }
  }
  const [wanted, ...more] = answerTypes[answer]
  if (![wanted, ...more].some((each) => each === type)) {
    return { offset: 0, sentence: `it is of type ${type}, ${wanted} is needed` }
  }
  const parsed: ParseResult = environment.parse(text)
  const refused =
    refusalOfCalls(parsed.ast) ??
    undeclaredIn(parsed.ast, { ...fieldTypes, current: fieldTypes.item, context, event }) ??
    (isRefused ? accessRefused(parsed.ast, isRefused) : null)
  if (refused) return refused
  const steps = stepsOf(parsed.ast)
  if (steps > limits.expressionStepsMax) {
    const sentence = `it may take ${steps} steps, ${limits.expressionStepsMax} are allowed`
    return { offset: 0, sentence }
  }
  parsed.check()
  keepFinite(parsed.ast)
  const run = parsed as unknown as Expression<Answered>['run']
  return {
    // Whole numbers of CEL are of a type of their own.
    run: answer === 'number' ? (scope) => Number(run(scope)) : run,
    ...{ ast: parsed.ast, reads: readsOf(parsed.ast), steps },
  }
}
