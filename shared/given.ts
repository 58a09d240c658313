const charactersMax = 40

/** A value as a sentence names it: text in quotes and cut, and of what may be long only what it is. */
export function tellGiven(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value))
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return value === undefined ? 'nothing' : String(value)
}

/** A name that somebody else chose, short enough for a sentence. */
export function cut(text: string): string {
  return text.length <= charactersMax
    ? text.toWellFormed()
    : `${text.slice(0, charactersMax).toWellFormed()}…`
}
