import type { ASTNode } from '@marcbachmann/cel-js'
import { timeRanges } from './facts.ts'
import { keyOf } from './syntax.ts'

/** What a condition may come to, as far as its text tells: it is never less than what it does come to. */
export type Outcome = 'true' | 'false' | 'fails'
export type Outcomes = ReadonlySet<Outcome>

const any: Outcomes = new Set(['true', 'false', 'fails'])

/**
 * Constants, and what `!`, `&&`, `||` and `?:` make of them; the fields of `time`, which have ranges; and comparisons of
 * one thing with constants that contradict each other in one `&&`. Everything else may come to anything.
 */
export function outcomesOf(node: ASTNode): Outcomes {
  switch (node.op) {
    case 'value':
      return typeof node.args === 'boolean' ? new Set<Outcome>([`${node.args}`]) : any
    case '!_':
      return new Set([...outcomesOf(node.args)].map(denied))
    case '&&': {
      const both = joined(node.args.map(outcomesOf), 'false')
      return isContradiction(node) ? without(both, 'true') : both
    }
    case '||':
      return joined(node.args.map(outcomesOf), 'true')
    case '?:': {
      const [condition, ...branches] = node.args.map(outcomesOf) as [Outcomes, Outcomes, Outcomes]
      const [ifTrue, ifFalse] = branches
      return new Set([
        ...(condition.has('true') ? ifTrue : []),
        ...(condition.has('false') ? ifFalse : []),
        ...(condition.has('fails') ? (['fails'] as const) : []),
      ])
    }
    default:
      return ofComparison(node)
  }
}

const denied = (outcome: Outcome): Outcome =>
  outcome === 'fails' ? 'fails' : outcome === 'true' ? 'false' : 'true'

const without = (outcomes: Outcomes, outcome: Outcome): Outcomes =>
  new Set([...outcomes].filter((each) => each !== outcome))

/** Of `&&` and `||`: one side that settles it is enough, whatever the other comes to. */
function joined(sides: readonly Outcomes[], settling: 'true' | 'false'): Outcomes {
  const [left = any, right = any] = sides
  const pairs = [...left].flatMap((one) => [...right].map((other) => [one, other] as const))
  return new Set(
    pairs.map((pair) => {
      if (pair.includes(settling)) return settling
      return pair.includes('fails') ? 'fails' : denied(settling)
    }),
  )
}

type Constant = number | bigint | string | boolean

/** Something, and the constants that it is held against. */
interface Comparison {
  readonly subject: ASTNode
  readonly constants: readonly Constant[]
  /** Whether it holds, by the place of the subject's value and those of the constants in one order. */
  readonly holds: (value: number, constants: readonly number[]) => boolean
}

const against =
  (test: (value: number, constant: number) => boolean) =>
  (value: number, constants: readonly number[]) =>
    constants.some((constant) => test(value, constant))
const comparing: Partial<Record<ASTNode['op'], Comparison['holds']>> = {
  '<': against((value, constant) => value < constant),
  '<=': against((value, constant) => value <= constant),
  '>': against((value, constant) => value > constant),
  '>=': against((value, constant) => value >= constant),
  '==': against((value, constant) => value === constant),
  '!=': against((value, constant) => value !== constant),
  in: against((value, constant) => value === constant),
}
const turned: Partial<Record<ASTNode['op'], ASTNode['op']>> = {
  ...{ '<': '>', '<=': '>=', '>': '<', '>=': '<=', '==': '==', '!=': '!=' },
}

function comparisonOf({ op, args }: ASTNode): Comparison | null {
  const holds = comparing[op]
  if (holds === undefined) return null
  const [left, right] = args as [ASTNode, ASTNode]
  if (op === 'in') {
    const constants = right.op === 'list' ? right.args.map(constantOf) : [undefined]
    return isKnown(constants) ? { subject: left, constants, holds } : null
  }
  const constant = constantOf(right)
  if (constant !== undefined) return { subject: left, constants: [constant], holds }
  const first = constantOf(left)
  const held = comparing[turned[op] as ASTNode['op']]
  return first === undefined || !held ? null : { subject: right, constants: [first], holds: held }
}

const isKnown = (constants: readonly (Constant | undefined)[]): constants is Constant[] =>
  constants.every((constant) => constant !== undefined)

function constantOf(node: ASTNode): Constant | undefined {
  if (node.op === '-_') {
    const value = constantOf(node.args)
    return typeof value === 'number' || typeof value === 'bigint' ? -value : undefined
  }
  if (node.op !== 'value') return undefined
  const value: unknown = node.args
  const isConstant = ['number', 'bigint', 'string', 'boolean'].includes(typeof value)
  return isConstant ? (value as Constant) : undefined
}

/** Of one comparison: both, and failure, unless its subject is a constant itself, or has a range. */
function ofComparison(node: ASTNode): Outcomes {
  const comparison = comparisonOf(node)
  const range = comparison && rangeOf(comparison.subject)
  if (!comparison || !range) return any
  const { values, placeOf } = orderOf(range, comparison.constants)
  const places = comparison.constants.map(placeOf)
  return new Set(values.map((value): Outcome => `${comparison.holds(value, places)}`))
}

/** Whether two sides of an `&&` hold one thing against constants so that no value satisfies all. */
function isContradiction(node: ASTNode): boolean {
  const bySubject = new Map<string, Comparison[]>()
  for (const comparison of sidesOf(node).map(comparisonOf)) {
    if (comparison === null) continue
    const key = keyOf(comparison.subject)
    bySubject.set(key, [...(bySubject.get(key) ?? []), comparison])
  }
  return [...bySubject.values()].some((comparisons) => {
    const [{ subject }] = comparisons as [Comparison]
    const constants = comparisons.flatMap((each) => each.constants)
    const { values, placeOf } = orderOf(rangeOf(subject), constants)
    return !values.some((value) =>
      comparisons.every((each) => each.holds(value, each.constants.map(placeOf))),
    )
  })
}

function sidesOf(node: ASTNode): ASTNode[] {
  return node.op === '&&' ? node.args.flatMap(sidesOf) : [node]
}

/** Every value that something can have; null where they are not known. */
function rangeOf(subject: ASTNode): readonly Constant[] | null {
  const constant = constantOf(subject)
  if (constant !== undefined) return [constant]
  if (subject.op !== '.') return null
  const [of, field] = subject.args
  if (of.op !== 'id' || of.args !== 'time' || !Object.hasOwn(timeRanges, field)) return null
  const [first, last] = timeRanges[field as keyof typeof timeRanges]
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/**
 * The values of a range and the constants, by their places in one order. Without a range there is a place between any
 * two constants and beyond them: what is said of it is said of all values there.
 */
function orderOf(range: readonly Constant[] | null, constants: readonly Constant[]) {
  const known = [...(range ?? []), ...constants].sort(compared)
  const distinct = known.filter((each, at) => at === 0 || compared(known[at - 1], each) !== 0)
  const placeOf = (constant: Constant) =>
    2 * distinct.findIndex((each) => compared(each, constant) === 0) + 1
  const everywhere = Array.from({ length: 2 * distinct.length + 1 }, (_, place) => place)
  return { values: range?.map(placeOf) ?? everywhere, placeOf }
}

/** Those of one subject are of one type, but for whole numbers, which JavaScript compares with others as they are. */
function compared(one: unknown, other: unknown): number {
  const [left, right] = [one, other] as [number, number]
  if (left < right) return -1
  return left > right ? 1 : 0
}
