import type { Expression, Scope } from '../policy/expression.ts'
import type { RuleEffect } from '../policy/ruling.ts'

/** The report of a rule that has not been asked yet. */
export function reportOf(name: string, effect: string): RuleEffect & { on: boolean } {
  return { name, effect, on: false, failures: 0, items: [] }
}

/** What an expression says of a visitor; undefined where it fails, which the report counts. */
export function ask<Value extends boolean | number | string>(
  expression: Expression<Value> | null,
  scope: Scope,
  report: RuleEffect,
): Value | undefined {
  try {
    const value = expression?.run(scope)
    if (typeof value !== 'number' || Number.isFinite(value)) return value
  } catch {
    // A missing field or a division by 0: counted as every failure is.
  }
  report.failures++
  return undefined
}

/** Whether an optional condition holds: without one always, and not where it fails. */
export function isOn(when: Expression | null, scope: Scope, report: RuleEffect): boolean {
  return when === null || ask(when, scope, report) === true
}
