import { limits } from './limits.ts'
import { accept, type Outcome, refuse } from './refusal.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/**
 * Copies parsed JSON into a form every later stage can hold: bounded depth, finite numbers, well-formed text.
 *
 * `1e999` parses to Infinity and would be stored as null, so it is refused. A lone surrogate cannot be
 * written as UTF-8: it becomes U+FFFD. `__proto__` is a legal JSON name that changes an object when it
 * is copied by assignment: it is dropped.
 */
export function cleanJson(value: unknown, field = '', depth = 0): Outcome<Json> {
  if (typeof value === 'string') return accept(value.toWellFormed())
  if (value === null || typeof value === 'boolean') return accept(value)
  if (typeof value === 'number') return cleanNumber(value, field)
  if (depth >= limits.jsonDepthMax) {
    return refuse('too_deep', field, `is nested deeper than ${limits.jsonDepthMax} levels`)
  }
  if (Array.isArray(value)) return cleanArray(value, field, depth)
  if (typeof value === 'object') return cleanObject(value as Record<string, unknown>, field, depth)
  return refuse('invalid_field', field, `is not JSON but ${typeof value}`)
}

function cleanNumber(value: number, field: string): Outcome<number> {
  // -0 is stored as 0, and what is decided on has to be what is stored.
  if (Number.isFinite(value)) return accept(value === 0 ? 0 : value)
  return refuse('number_not_finite', field, 'is a number too large to hold')
}

function cleanArray(value: readonly unknown[], field: string, depth: number): Outcome<Json[]> {
  const copy: Json[] = []
  for (const [index, entry] of value.entries()) {
    const cleaned = cleanJson(entry, `${field}[${index}]`, depth + 1)
    if (!cleaned.ok) return cleaned
    copy.push(cleaned.value)
  }
  return accept(copy)
}

function cleanObject(
  value: Record<string, unknown>,
  field: string,
  depth: number,
): Outcome<{ [name: string]: Json }> {
  const copy: { [name: string]: Json } = {}
  for (const [name, entry] of Object.entries(value)) {
    if (name === '__proto__') continue
    // The path of a refusal is stored too, so it has to be whole Unicode like everything else.
    const wellFormed = name.toWellFormed()
    const path = field === '' ? wellFormed : `${field}.${wellFormed}`
    const cleaned = cleanJson(entry, path, depth + 1)
    if (!cleaned.ok) return cleaned
    copy[wellFormed] = cleaned.value
  }
  return accept(copy)
}
