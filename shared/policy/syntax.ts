import type { ASTNode } from '@marcbachmann/cel-js'
import { limits } from '../limits.ts'

/** Each takes a time that its text bounds; `matches` is not among them, since a pattern may run for hours. */
const functions = new Set([
  ...['has', 'size', 'int', 'double', 'string'],
  ...['contains', 'startsWith', 'endsWith', 'exists', 'all', 'exists_one'],
])
const loops = new Set(['exists', 'all', 'exists_one'])

/** The first call that a policy may not make, or null. */
export function refusalOfCalls(
  node: ASTNode,
): { readonly offset: number; readonly sentence: string } | null {
  for (const each of everyNode(node)) {
    const name = each.op === 'call' || each.op === 'rcall' ? each.args[0] : null
    if (name === null || functions.has(name)) continue
    const sentence = `${name} is not allowed here; what is: ${[...functions].join(', ')}`
    return { offset: each.start, sentence }
  }
  return null
}

/** The first field that `has` asks for and that is not declared, or null: the library does not look there. */
export function undeclaredIn(
  node: ASTNode,
  fields: Readonly<Record<string, object>>,
): { readonly offset: number; readonly sentence: string } | null {
  for (const each of everyNode(node)) {
    if (each.op !== 'call' || each.args[0] !== 'has') continue
    const [access] = each.args[1]
    if (access?.op !== '.') continue
    const [of, name] = access.args
    const declared = of.op === 'id' ? fields[of.args] : undefined
    if (declared === undefined || Object.hasOwn(declared, name)) continue
    return { offset: access.start, sentence: `No such key: ${name}` }
  }
  return null
}

/** The first access by which an expression could read a field that it may not, or null. */
export function accessRefused(
  node: ASTNode,
  isRefused: (field: string) => boolean,
): { readonly offset: number; readonly sentence: string } | null {
  for (const each of everyNode(node)) {
    if (each.op === '.' && isRefused(each.args[1])) {
      return { offset: each.start, sentence: `No such key: ${each.args[1]}` }
    }
    if (each.op === '[]' && each.args[1].op !== 'value') {
      return {
        offset: each.start,
        sentence: 'a field has to be named here, so that it can be checked',
      }
    }
  }
  return null
}

/** Names of the variables an expression reads, those of its own loops with them. */
export function readsOf(node: ASTNode): ReadonlySet<string> {
  return new Set(everyNode(node).flatMap((each) => (each.op === 'id' ? [each.args] : [])))
}

/** Steps of one evaluation at most: one a node, and a loop as often as its list is long. */
export function stepsOf(node: ASTNode): number {
  const within = childrenOf(node).reduce((sum, child) => sum + stepsOf(child), 1)
  if (node.op === 'in') return within + lengthOf(node.args[1])
  if (node.op !== 'rcall' || !loops.has(node.args[0])) return within
  const [, list, [, body]] = node.args
  return stepsOf(list) + lengthOf(list) * (body ? stepsOf(body) : 1)
}

/** How many elements a list has at most. */
function lengthOf(node: ASTNode): number {
  if (node.op === 'list') return node.args.length
  if (node.op === '+') return lengthOf(node.args[0]) + lengthOf(node.args[1])
  if (node.op === '?:') return Math.max(lengthOf(node.args[1]), lengthOf(node.args[2]))
  return Math.max(limits.sessionItemsMax, limits.contextListItemsMax)
}

/** An expression as text by which it is found again, however its blanks and brackets are written. */
export function keyOf(node: ASTNode): string {
  return JSON.stringify(plain(node))
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  // JSON has neither whole numbers of their own nor infinity.
  if (typeof value === 'bigint' || typeof value === 'number') return [typeof value, `${value}`]
  if (typeof value !== 'object' || value === null || !('op' in value)) return value
  const { op, args } = value as ASTNode
  return { op, args: plain(args) }
}

/** As `item.id == "…"` is parsed. */
export function itemIs(id: string): ASTNode {
  const item = { op: 'id', args: 'item' }
  const ofItem = { op: '.', args: [item, 'id'] }
  return { op: '==', args: [ofItem, { op: 'value', args: id }] } as unknown as ASTNode
}

/** A node and all below it, parents first. Depth and number are bounded by the parser. */
export function everyNode(node: ASTNode): ASTNode[] {
  return [node, ...childrenOf(node).flatMap(everyNode)]
}

function childrenOf(node: ASTNode): ASTNode[] {
  if (node.op === 'value' || node.op === 'id') return []
  return nodesIn(node.args)
}

function nodesIn(value: unknown): ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  return typeof value === 'object' && value !== null && 'op' in value ? [value as ASTNode] : []
}
