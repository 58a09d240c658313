import type { ASTNode } from '@marcbachmann/cel-js'
import { timeRanges } from './facts.ts'
import { keyOf } from './syntax.ts'

/** What a condition comes to. */
export type Outcome = 'true' | 'false' | 'fails'
export type Outcomes = ReadonlySet<Outcome>

/** A condition, and the outcomes of it that are looked for. */
export interface Wanted {
  readonly node: ASTNode
  readonly outcomes: Outcomes
}

const any: Outcomes = new Set(['true', 'false', 'fails'])
/** How often one question may look at a condition; what is open then counts as possible. */
const looksMax = 5_000

/** What a condition may come to, as far as its text tells: it is never less than what it does come to. */
export function outcomesOf(node: ASTNode): Outcomes {
  return new Set([...any].filter((each) => isPossible([{ node, outcomes: new Set([each]) }])))
}

/**
 * Whether conditions that are asked at once can all come to what is wanted; true too where that is not found out.
 *
 * A condition is made by `!`, `&&`, `||` and `?:` of comparisons, each of one thing with constants. Where a thing lies
 * between two neighbouring constants makes no difference: a few of its values stand for all. They are tried, thing after
 * thing, for as long as it is open what the conditions come to.
 */
export function isPossible(wanted: readonly Wanted[]): boolean {
  const { things, comparisons } = read(wanted.map(({ node }) => node))
  let looks = 0
  const search = ([thing, ...others]: readonly Thing[]): boolean => {
    let isOpen = false
    for (const { node, outcomes } of wanted) {
      if (++looks > looksMax) return true
      const may = [...outcomesIn(node, comparisons)]
      const fitting = may.filter((each) => outcomes.has(each))
      if (fitting.length === 0) return false
      isOpen ||= fitting.length < may.length
    }
    if (!isOpen || thing === undefined) return true
    const isFound = thing.places.some((place) => {
      thing.tried = place
      return search(others)
    })
    thing.tried = undefined
    return isFound
  }
  return search(things)
}

/** What a condition may come to with what is tried of its things. */
function outcomesIn(node: ASTNode, comparisons: ReadonlyMap<ASTNode, Placed>): Outcomes {
  const of = (each: ASTNode) => outcomesIn(each, comparisons)
  switch (node.op) {
    case '!_':
      return new Set([...of(node.args)].map(denied))
    case '&&':
      return joined(node.args.map(of), 'false')
    case '||':
      return joined(node.args.map(of), 'true')
    case '?:': {
      const [condition, ifTrue, ifFalse] = node.args
      return new Set<Outcome>(
        [...of(condition)].flatMap((each): Outcome[] => {
          if (each === 'fails') return [each]
          return [...of(each === 'true' ? ifTrue : ifFalse)]
        }),
      )
    }
    default: {
      const { thing, holds, places } = comparisons.get(node) as Placed
      if (thing.tried === undefined) return any
      return new Set<Outcome>([thing.tried === null ? 'fails' : `${holds(thing.tried, places)}`])
    }
  }
}

const denied = (outcome: Outcome): Outcome =>
  outcome === 'fails' ? 'fails' : outcome === 'true' ? 'false' : 'true'

/** Of `&&` and `||`: one side that settles it is enough, whatever the other comes to. */
function joined([left = any, right = any]: readonly Outcomes[], settling: Outcome): Outcomes {
  const outcomes = new Set<Outcome>()
  if (left.has(settling) || right.has(settling)) outcomes.add(settling)
  const other = denied(settling)
  const isLeftOpen = left.has(other)
  const isRightOpen = right.has(other)
  if (isLeftOpen && isRightOpen) outcomes.add(other)
  const hasFailed = left.has('fails')
    ? isRightOpen || right.has('fails')
    : isLeftOpen && right.has('fails')
  if (hasFailed) outcomes.add('fails')
  return outcomes
}

type Constant = number | bigint | string | boolean
/** Where a value lies: odd at a constant, even between two or beyond them; null where it cannot be had, and fails. */
type Place = number | null

/** Something that is held against constants. */
interface Thing {
  readonly places: readonly Place[]
  readonly placeOf: (value: Constant) => number
  tried: Place | undefined
}

interface Comparison {
  readonly node: ASTNode
  readonly constants: readonly Constant[]
  /** Whether it holds, by the place of the value and those of the constants. */
  readonly holds: (value: number, constants: readonly number[]) => boolean
}

interface Placed extends Pick<Comparison, 'holds'> {
  readonly thing: Thing
  readonly places: readonly number[]
}

/** The things that conditions read, and their comparisons by the nodes that make them. */
function read(nodes: readonly ASTNode[]) {
  const found = nodes
    .flatMap(comparisonsIn)
    .map(({ of, ...each }) => ({ of, ...each, key: keyOf(each.node) }))
  const things = new Map(
    [...Map.groupBy(found, ({ key }) => key)].map(([key, [first, ...more]]) => {
      const { node, constants } = first as (typeof found)[number]
      return [key, thingOf(node, [...constants, ...more.flatMap((each) => each.constants)])]
    }),
  )
  const comparisons = found.map(({ of, key, constants, holds }) => {
    const thing = things.get(key) as Thing
    return [of, { thing, holds, places: constants.map(thing.placeOf) }] as const
  })
  return { things: [...things.values()], comparisons: new Map<ASTNode, Placed>(comparisons) }
}

/** What a condition is made of; whatever is no comparison is true or false, so it is held against true. */
function comparisonsIn(node: ASTNode): (Comparison & { readonly of: ASTNode })[] {
  switch (node.op) {
    case '!_':
      return comparisonsIn(node.args)
    case '&&':
    case '||':
    case '?:':
      return node.args.flatMap(comparisonsIn)
    default:
      return [{ of: node, ...(comparisonOf(node) ?? { node, constants: [true], holds: equals }) }]
  }
}

const against =
  (test: (value: number, constant: number) => boolean): Comparison['holds'] =>
  (value, constants) =>
    constants.some((constant) => test(value, constant))
const equals = against((value, constant) => value === constant)
const comparing: Partial<Record<ASTNode['op'], Comparison['holds']>> = {
  '<': against((value, constant) => value < constant),
  '<=': against((value, constant) => value <= constant),
  '>': against((value, constant) => value > constant),
  '>=': against((value, constant) => value >= constant),
  '==': equals,
  '!=': against((value, constant) => value !== constant),
  in: equals,
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
    return isKnown(constants) ? { node: left, constants, holds } : null
  }
  const constant = constantOf(right)
  if (constant !== undefined) return { node: left, constants: [constant], holds }
  const first = constantOf(left)
  const held = comparing[turned[op] as ASTNode['op']]
  return first === undefined || !held ? null : { node: right, constants: [first], holds: held }
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

/** A thing with the places that it can have among the constants that it is held against. */
function thingOf(node: ASTNode, constants: readonly Constant[]): Thing {
  const sorted = [...constants].sort(compared)
  const distinct = sorted.filter((each, at) => at === 0 || compared(sorted[at - 1], each) !== 0)
  const placeOf = (value: Constant) => {
    const below = distinct.filter((each) => compared(each, value) < 0).length
    const isOne = distinct[below] !== undefined && compared(distinct[below], value) === 0
    return 2 * below + (isOne ? 1 : 0)
  }
  const range = rangeOf(node)
  const values = range ?? (isWhole(node) ? wholeNumbersAround(distinct) : null)
  const places =
    values?.map(placeOf) ?? Array.from({ length: 2 * distinct.length + 1 }, (_, at) => at)
  return { placeOf, places: [...new Set(places), ...(range ? [] : [null])], tried: undefined }
}

/** Every value that something can have; null where they are not known. */
function rangeOf(node: ASTNode): readonly Constant[] | null {
  const constant = constantOf(node)
  if (constant !== undefined) return [constant]
  if (node.op !== '.') return null
  const [of, field] = node.args
  if (of.op !== 'id' || of.args !== 'time' || !Object.hasOwn(timeRanges, field)) return null
  const [first, last] = timeRanges[field as keyof typeof timeRanges]
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/** By what the library notes at a node when it checks the types. */
function isWhole(node: ASTNode): boolean {
  return String((node as { readonly checkedType?: unknown }).checkedType) === 'int'
}

/** One at least in every place where there are any; null where a constant is beyond all numbers. */
function wholeNumbersAround(constants: readonly Constant[]): readonly Constant[] | null {
  const floors = constants.map((each) =>
    typeof each === 'bigint' ? each : Math.floor(Number(each)),
  )
  if (!floors.every((each) => typeof each === 'bigint' || Number.isFinite(each))) return null
  return floors.map(BigInt).flatMap((each) => [each - 1n, each, each + 1n])
}

/** Those of one thing are of one type, but for whole numbers, which JavaScript compares with others as they are. */
function compared(one: unknown, other: unknown): number {
  const [left, right] = [one, other] as [number, number]
  if (left < right) return -1
  return left > right ? 1 : 0
}
