import { limits } from '../limits.ts'
import type { FieldTypeName } from './fields.ts'

type Declared = Readonly<Record<string, FieldTypeName>>

/** Text longer than this would make a rule slow; no list or name of a shop is. */
const textCharactersMax = limits.nameCharactersMax

const isText = (value: unknown) => typeof value === 'string' && value.length <= textCharactersMax

const isOf: Readonly<Record<FieldTypeName, (value: unknown) => boolean>> = {
  string: isText,
  bool: (value) => typeof value === 'boolean',
  int: Number.isSafeInteger,
  double: Number.isFinite,
  'list<string>': (value) =>
    Array.isArray(value) && value.length <= limits.contextListItemsMax && value.every(isText),
}

/** What is declared and has the declared type; all else is left out, as if missing. */
export function declaredOf(
  declared: Declared,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, type]) => {
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      return isOf[type](value) ? [[name, value]] : []
    }),
  )
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
