import type { ASTNode } from '@marcbachmann/cel-js'
import { everyNode } from './syntax.ts'

/** What the library calls with the values of a node's operands, once the node's types are checked. */
interface Handled {
  handle?: (...operands: unknown[]) => unknown
}

const arithmetic = new Set<string>(['+', '-', '*', '/'])

/**
 * Makes an expression fail where its arithmetic leaves the numbers: CEL divides doubles as IEEE 754 does, so that 0/0
 * compares as false, and a rule would let pass what it was written to stop. Every input is finite; so is every step
 * then. Infinity and NaN written as text are no numbers either. What `&&`, `||` and `?:` guard stays guarded. The types
 * have to be checked before; the library has no other way in (it refuses an operator that it has already).
 */
export function keepFinite(checked: ASTNode): void {
  for (const node of everyNode(checked)) {
    const isNumber = arithmetic.has(node.op) || (node.op === 'call' && node.args[0] === 'double')
    if (!isNumber) continue
    const handled = node as Handled
    const { handle } = handled
    if (handle === undefined) throw new Error(`the CEL library has no handle for ${node.op}`)
    handled.handle = (...operands) => finite(handle(...operands))
  }
}

/** Doubles are numbers here, whole numbers are of a type of their own. */
function finite(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw new RangeError('division by zero, or a number beyond all numbers')
}
