import * as v from 'valibot'
import { tellGiven } from './given.ts'

/**
 * What of a refused value is told: the value itself, cut; only its type, where it is a secret or was sent by somebody
 * else than whoever reads the sentence; or nothing, where it is told elsewhere.
 */
export type Telling = 'value' | 'type' | 'nothing'

/** What is wrong first in a value, for people. */
export interface Problem {
  /** Dotted path of the field; '' for the value as a whole. */
  readonly path: string
  /** The path, what is allowed there, and what was given. */
  readonly sentence: string
}

type Issue = v.BaseIssue<unknown>

/** Of `v.safeParse`: what the schema has no sentence of its own for is said in words, and not in the library's. */
export const plainly = { message: allowedBy }

/** Reads a value by a schema. What is wrong is data, said by `tellIssue`. */
export function readPlainly<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  { whole = 'it', telling = 'value' }: { readonly whole?: string; readonly telling?: Telling } = {},
):
  | { readonly ok: true; readonly value: v.InferOutput<Schema> }
  | { readonly ok: false; readonly problem: Problem } {
  if (Array.isArray(value) && 'entries' in schema) {
    // To the library a list is an object with other fields.
    return { ok: false, problem: { path: '', sentence: `${whole} must be an object, not a list` } }
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true, ...plainly })
  if (parsed.success) return { ok: true, value: parsed.output }
  const [issue] = parsed.issues
  const path = v.getDotPath(issue) ?? ''
  const told = tellIssue(issue, telling)
  const joint = /^(must|is|has) /.test(told) ? ' ' : ': '
  return { ok: false, problem: { path, sentence: `${path || whole}${joint}${told}` } }
}

/** What is allowed and what was given, as it follows the path: `must be a whole number, not "ten"`. */
export function tellIssue(issue: Issue, telling: Telling = 'value'): string {
  const { input, message, kind, type } = issue
  const isOwn = message !== allowedBy(issue)
  if (telling === 'nothing' || input === undefined || isUnknownField(issue)) return message
  if (!isOwn && lengths.has(type)) return tellLength(issue)
  // Of a bound a type tells nothing.
  if (telling === 'type' && kind === 'validation') return message
  // A sentence of the schema's own about a list or an object is about what is in it, and a type adds nothing to one.
  if (isOwn && (telling === 'type' || (typeof input === 'object' && input !== null))) return message
  return `${message}, not ${telling === 'value' ? tellGiven(input) : typeOf(input)}`
}

const lengths: ReadonlySet<string> = new Set(['min_length', 'max_length', 'length'])

function tellLength({ input, message }: Issue): string {
  const { length } = input as string | readonly unknown[]
  return length === 0 ? message : `${message}, not ${length}`
}

/** A field of an object that has none of this name. */
export function isUnknownField({ type, expected }: Issue): boolean {
  return type === 'strict_object' && expected === 'never'
}

const typesOfSchemas: Readonly<Record<string, string>> = {
  ...{ string: 'text', number: 'a number', boolean: 'true or false', null: 'null' },
  ...{ Array: 'a list', Object: 'an object' },
}

function allowedBy(issue: Issue): string {
  if (isUnknownField(issue)) return 'is not known here'
  const { kind, type, input, path } = issue
  const isMissing = input === undefined && kind === 'schema' && path !== undefined
  const isNamed = type !== 'variant' && issue.expected === `"${path?.at(-1)?.key}"`
  if (isMissing) return isNamed ? 'is missing' : `is missing: ${expectedBy(issue)}`
  return `must ${kind === 'schema' ? `be ${expectedBy(issue)}` : boundOf(issue)}`
}

/** From what valibot expects: `("items" | "offer")`, `Array`, `(string | number)`. */
function expectedBy({ expected, type }: Issue): string {
  if (expected === null || expected === 'unknown') return type === 'custom' ? 'an object' : 'valid'
  const words = expected
    .replaceAll(/^\(|\)$/g, '')
    .split(' | ')
    .map((word) => typesOfSchemas[word] ?? word.replaceAll('"', ''))
  return words.length === 1 ? (words[0] as string) : `one of ${words.join(', ')}`
}

function boundOf({ type, input, requirement }: Issue): string {
  const entries = Array.isArray(input) ? 'entries' : 'characters'
  switch (type) {
    case 'integer':
    case 'safe_integer':
      return 'be a whole number'
    case 'finite':
      return 'be a number'
    case 'min_value':
      return `be ${requirement} or more`
    case 'max_value':
      return `be at most ${requirement}`
    case 'gt_value':
      return `be above ${requirement}`
    case 'lt_value':
      return `be below ${requirement}`
    case 'min_length':
      return requirement === 1 ? 'not be empty' : `have at least ${requirement} ${entries}`
    case 'max_length':
      return `have at most ${requirement} ${entries}`
    case 'length':
      return `have ${requirement} ${entries}`
    case 'regex':
      return `match ${requirement}`
    case 'iso_timestamp':
      return 'be an ISO 8601 time such as 2026-01-05T12:00:00Z'
    default:
      return 'be another value'
  }
}

function typeOf(value: unknown): string {
  if (value === null || typeof value === 'object') return tellGiven(value)
  return typesOfSchemas[typeof value] ?? typeof value
}
