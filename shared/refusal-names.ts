import { isIdText } from './id.ts'
import { limits } from './limits.ts'

/** What an event, or the request that it came in, says whose it is. */
interface Ids {
  readonly anonymousId?: unknown
  readonly userId?: unknown
}

const idField = /"(anonymousId|userId)":(?:("(?:[^"\\]|\\.)*")|(-?\d+)[,}])/g

/** The keys of the visitors whose a refused event is: its own ids, else those of its request. */
export function visitorsOfRefused(event: unknown, request: Ids): string[] {
  const own = keysOf((event ?? {}) as Ids)
  return own.length > 0 ? own : keysOf(request)
}

/**
 * The keys of the visitors that the kept body of a refusal names, where its record does not say them: an id
 * behind the cut is not found.
 */
export function visitorsNamedIn(body: string): string[] {
  return Array.from(body.matchAll(idField), ([, field, quoted, number]) => {
    const id = number ?? readText(quoted ?? '""')
    return `${field === 'userId' ? 'u' : 'a'}:${id}`
  })
}

/** The text by which a body names a visitor, as `JSON.stringify` writes it. */
export function nameInBody(visitor: string): string {
  const field = visitor.startsWith('u:') ? 'userId' : 'anonymousId'
  return `"${field}":${JSON.stringify(visitor.slice(2))}`
}

function keysOf({ anonymousId, userId }: Ids): string[] {
  return [...keyOf('a:', anonymousId), ...keyOf('u:', userId)]
}

/** As an event is read: numbers are ids too. What can be nobody's id names nobody. */
function keyOf(prefix: 'a:' | 'u:', id: unknown): string[] {
  const text = typeof id === 'number' ? String(id) : id
  if (typeof text !== 'string' || text === '' || text.length > limits.idCharactersMax) return []
  return isIdText(text) ? [`${prefix}${text}`] : []
}

function readText(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    // A broken escape is nobody's id.
    return ''
  }
}
