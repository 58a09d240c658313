import type { Expression, Scope } from './expression.ts'

/** What an expression that reads nothing says; undefined where it reads something, or fails. */
export function constantOf<Value extends boolean | number>(
  expression: Expression<Value> | null,
): Value | undefined {
  if (expression === null || expression.reads.size > 0) return undefined
  try {
    return expression.run({} as Scope)
  } catch {
    return undefined
  }
}

/** What to say where a rule has the name of an earlier one; null where it has not. */
export function duplicateName(
  name: string,
  earlier: readonly { readonly name: string }[],
): string | null {
  return earlier.some((each) => each.name === name) ? `another rule is called ${name}` : null
}
