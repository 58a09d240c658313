import * as v from 'valibot'
import { isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { plainly } from '#shared/plain-problem.ts'
import { checkPolicy } from '#shared/policy/check.ts'
import type { PolicyProblem } from '#shared/policy/compile.ts'
import { type Policy, policySchema } from '#shared/policy.ts'
import { shapeProblems } from './shape-problems.ts'

/** What is wrong at a place of a policy file; line and column begin at 1. */
export interface PolicyMistake {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly sentence: string
}

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly mistakes: readonly PolicyMistake[] }

/** What one file may have; a policy of 100 placements is a tenth of it. */
export const policyCharactersMax = 1_000_000

/** Reads a policy in YAML or JSON and checks all of it; what is wrong comes with its place. */
export function parsePolicy(text: string): ParsedPolicy {
  if (text.length > policyCharactersMax) {
    const sentence = `it has ${text.length} characters, ${policyCharactersMax} are allowed`
    return { ok: false, mistakes: [{ line: 1, column: 1, path: '', sentence }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number, path: PolicyProblem['path'], sentence: string): PolicyMistake => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col, path: path.join('.'), sentence }
  }
  if (document.errors.length > 0) {
    return {
      ok: false,
      mistakes: document.errors.map(({ pos, message }) => at(pos[0], [], message)),
    }
  }
  const nodeAt = (path: PolicyProblem['path']) => document.getIn(path, true) as Node | undefined
  // No aliases: a few lines of them stand for a file without end.
  const parsed = v.safeParse(policySchema, readData(document), plainly)
  const problems = parsed.success
    ? checkPolicy(parsed.output)
    : shapeProblems(parsed.issues, policySchema)
  if (parsed.success && problems.length === 0) return { ok: true, policy: parsed.output }
  const mistakes = problems.map(({ path, offset, sentence }) =>
    at(placeOf(path, offset, nodeAt, text), path, sentence),
  )
  return { ok: false, mistakes }
}

function readData(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    return null
  }
}

/** Where in the file: at the value, or at the nearest thing around it where it is missing. */
function placeOf(
  path: PolicyProblem['path'],
  offset: number,
  nodeAt: (path: PolicyProblem['path']) => Node | undefined,
  text: string,
): number {
  for (let length = path.length; length >= 0; length--) {
    const node = nodeAt(path.slice(0, length))
    const start = node?.range?.[0]
    if (node === undefined || start === undefined) continue
    return length < path.length ? start : start + offsetIn(node, offset, text)
  }
  return 0
}

/** Only text that stands in the file as it is has its characters at the same distance. */
function offsetIn(node: Node, offset: number, text: string): number {
  if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return 0
  const source = text.slice(node.range[0], node.range[1])
  const begin = source.indexOf(node.value)
  return begin === -1 ? 0 : begin + offset
}

/** All that is wrong, a line each, as editors and people read it. */
export function tellMistakes(file: string, mistakes: readonly PolicyMistake[]): string {
  return mistakes
    .map(({ line, column, path, sentence }) => {
      const where = path === '' ? '' : `${path}: `
      return `${file}:${line}:${column} ${where}${sentence}`
    })
    .join('\n')
}
