import type { Answered, Expression, Scope } from './expression.ts'
import { type Outcome, type Outcomes, outcomesOf } from './outcomes.ts'
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

/** The first of a list that holds wherever this condition does, so that nothing is left for it; null where none is. */
export function takenBy(
  { ready }: Condition,
  earlier: readonly Condition[],
): { readonly name: string; readonly how: 'always' | 'same' } | null {
  const key = ready && keyOf(ready.ast)
  for (const each of earlier) {
    if (isAlways(each)) return { name: each.name, how: 'always' }
    if (key !== null && each.ready && keyOf(each.ready.ast) === key) {
      return { name: each.name, how: 'same' }
    }
  }
  return null
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

function outcomesIn({ ast, reads, run }: Expression): Outcomes {
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
