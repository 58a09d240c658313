import * as v from 'valibot'

/** A JSON object with whatever names it has: not a list, and nothing left out. */
export function jsonObject(message?: string) {
  return v.custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    message,
  )
}
