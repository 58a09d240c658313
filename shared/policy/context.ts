import { limits } from '../limits.ts'
import type { FieldTypeName } from './fields.ts'

type Declared = Readonly<Record<string, FieldTypeName>>

/** Text longer than this would make a rule slow; no list or name of a shop is. */
const textCharactersMax = limits.nameCharactersMax

const isText = (value: unknown) => typeof value === 'string' && value.length <= textCharactersMax

interface FieldType {
  readonly is: (value: unknown) => boolean
  /** What it is, for people. */
  readonly says: string
}

const types: Readonly<Record<FieldTypeName, FieldType>> = {
  string: { is: isText, says: `text of at most ${textCharactersMax} characters` },
  bool: { is: (value) => typeof value === 'boolean', says: 'true or false' },
  int: { is: Number.isSafeInteger, says: 'a whole number' },
  double: { is: Number.isFinite, says: 'a number' },
  'list<string>': {
    is: (value) =>
      Array.isArray(value) && value.length <= limits.contextListItemsMax && value.every(isText),
    says: `a list of at most ${limits.contextListItemsMax} texts`,
  },
}

/** What is declared and has the declared type, as it is stored; all else is left out, as if missing. */
export function declaredOf(
  declared: Declared,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, type]) => {
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      return types[type].is(value) ? [[name, storable(value)]] : []
    }),
  )
}

/**
 * What an event that sets off a decision tells of where it happened, as a question would: the fields that the policy
 * declares, and the time zone. The rest of its context is its SDK's.
 */
export function contextOfTrigger(
  declared: Declared,
  context: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return { timezone: context.timezone, ...declaredOf(declared, context) }
}

/** As the store will have it, so that a rule says the same again: JSON has no -0, UTF-8 no lone surrogate. */
function storable(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (typeof value === 'string') return value.toWellFormed()
  return Array.isArray(value) ? value.map(storable) : value
}

/** The same as CEL has it: whole numbers are of a type of their own. */
export function celFields(
  declared: Declared,
  fields: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      declared[name] === 'int' ? BigInt(value as number) : value,
    ]),
  )
}

/** What is given, and not as it is declared: its name, and what it should be. Null is as good as missing. */
export function mistypedOf(
  declared: Declared,
  given: Readonly<Record<string, unknown>>,
): readonly (readonly [name: string, says: string])[] {
  return Object.entries(declared).flatMap(([name, type]) => {
    const value = Object.hasOwn(given, name) ? given[name] : null
    const { is, says } = types[type]
    return value === null || is(value) ? [] : [[name, says] as const]
  })
}
