import { limits } from '../limits.ts'
import type { contextTypes, Policy } from '../policy.ts'

type ContextType = (typeof contextTypes)[number]

/** Text longer than this would make a rule slow; no list or name of a shop is. */
const textCharactersMax = limits.nameCharactersMax

const isText = (value: unknown) => typeof value === 'string' && value.length <= textCharactersMax

const isOf: Readonly<Record<ContextType, (value: unknown) => boolean>> = {
  string: isText,
  bool: (value) => typeof value === 'boolean',
  int: Number.isSafeInteger,
  double: Number.isFinite,
  'list<string>': (value) =>
    Array.isArray(value) && value.length <= limits.contextListItemsMax && value.every(isText),
}

/** What the policy declares of a context and what has the declared type; all else is left out, as if missing. */
export function declaredContext(
  { context: declared }: Pick<Policy, 'context'>,
  context: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, type]) => {
      const value = Object.hasOwn(context, name) ? context[name] : undefined
      return isOf[type](value) ? [[name, value]] : []
    }),
  )
}

/** The same as CEL has it: whole numbers are of a type of their own. */
export function celContext(
  { context: declared }: Pick<Policy, 'context'>,
  context: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(context).map(([name, value]) => [
      name,
      declared[name] === 'int' ? BigInt(value as number) : value,
    ]),
  )
}
