import type { ASTNode } from '@marcbachmann/cel-js'
import type { Answered, Expression, Scope } from './expression.ts'
import { isPossible, type Outcome, type Outcomes, outcomesOf, type Wanted } from './outcomes.ts'
import { everyNode, keyOf } from './syntax.ts'

/** A condition of a rule as it is written, where it is, and ready; `ready` is null too where it cannot be compiled. */
export interface Condition {
  readonly name: string
  readonly text: string | undefined
  readonly ready: Expression | null
}

/** Whether a condition is true for nobody, ever, as far as that is found; false where it does nothing but fail. */
export function isNever(condition: Expression | null): boolean {
  if (condition === null) return false
  const outcomes = outcomesIn(condition)
  return outcomes.has('false') && !outcomes.has('true')
}

/** Whether it is true for everyone: one that is left out is. */
export function isAlways({ text, ready }: Omit<Condition, 'name'>): boolean {
  if (text === undefined) return true
  const outcomes = ready && outcomesIn(ready)
  return outcomes?.size === 1 && outcomes.has('true')
}

const isTrue: Outcomes = new Set(['true'])
const isNotTrue: Outcomes = new Set(['false', 'fails'])

/** Whether conditions that are asked at once may all be true, as far as that is found. */
export function canAllHold(nodes: readonly ASTNode[]): boolean {
  return isPossible(nodes.map((node) => ({ node, outcomes: isTrue })))
}

/**
 * What of a list goes first wherever this condition holds, so that nothing is left for it; null where that is not found. `wider`:
 * one condition follows from the other, or from several together.
 */
export function takenBy(
  { text, ready }: Condition,
  earlier: readonly Condition[],
): { readonly name: string; readonly how: 'always' | 'same' | 'wider' } | null {
  const always = earlier.find(isAlways)
  if (always) return { name: always.name, how: 'always' }
  if (ready === null && text !== undefined) return null
  const key = ready && keyOf(ready.ast)
  const rivals = earlier.flatMap((each) => (each.ready ? [{ ...each, node: each.ready.ast }] : []))
  const same = rivals.find(({ node }) => keyOf(node) === key)
  if (same) return { name: same.name, how: 'same' }
  const own: Wanted[] = ready ? [{ node: ready.ast, outcomes: isTrue }] : []
  const isLeft = (by: typeof rivals) =>
    isPossible([...own, ...by.map(({ node }) => ({ node, outcomes: isNotTrue }))])
  const wider = rivals.find((each) => !isLeft([each]))
  if (wider) return { name: wider.name, how: 'wider' }
  if (isLeft(rivals)) return null
  // Who has no part in it is not named.
  const needed = rivals.reduce((left, each) => {
    const others = left.filter((other) => other !== each)
    return isLeft(others) ? left : others
  }, rivals)
  return { name: needed.map((each) => each.name).join(' or '), how: 'wider' }
}

/** Why an expression gives nothing whoever asks, and where in its text; null where it may give something. */
export function failureOf({ ast, reads, run }: Expression<Answered>) {
  const division = everyNode(ast).find(
    ({ op, args }) => (op === '/' || op === '%') && isZero((args as [unknown, unknown])[1]),
  )
  if (division) return { offset: division.start, sentence: 'it divides by 0, which always fails' }
  if (reads.size > 0) return null
  try {
    run({} as Scope)
    return null
  } catch {
    return { offset: 0, sentence: 'it depends on nothing, and always fails' }
  }
}

function isZero(node: unknown): boolean {
  const { op, args } = node as { op: string; args: unknown }
  return op === 'value' && (args === 0 || args === 0n)
}

/** Each rule of a list is held against all before it. */
const found = new WeakMap<Expression, Outcomes>()

function outcomesIn(condition: Expression): Outcomes {
  const outcomes = found.get(condition) ?? findOutcomes(condition)
  found.set(condition, outcomes)
  return outcomes
}

function findOutcomes({ ast, reads, run }: Expression): Outcomes {
  if (reads.size > 0) return outcomesOf(ast)
  try {
    return new Set<Outcome>([`${run({} as Scope)}`])
  } catch {
    return new Set(['fails'])
  }
}

/** What to say where a rule has the name of an earlier one; null where it has not. */
export function duplicateName(
  name: string,
  earlier: readonly { readonly name: string }[],
): string | null {
  return earlier.some((each) => each.name === name) ? `another rule is called ${name}` : null
}
