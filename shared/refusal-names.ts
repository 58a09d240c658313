const idField = /"(anonymousId|userId)":("(?:[^"\\]|\\.)*")/g

/**
 * The keys of the visitors that the kept body of a refusal names. A refused event has no visitor, only
 * the start of what was sent: an id behind the cut is not found.
 */
export function visitorsNamedIn(body: string): string[] {
  return Array.from(body.matchAll(idField), ([, field, quoted = '""']) => {
    const id = readText(quoted)
    return `${field === 'userId' ? 'u' : 'a'}:${id}`
  })
}

/** The text by which a body names a visitor, as `JSON.stringify` writes it. */
export function nameInBody(visitor: string): string {
  const field = visitor.startsWith('u:') ? 'userId' : 'anonymousId'
  return `"${field}":${JSON.stringify(visitor.slice(2))}`
}

function readText(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    // A broken escape is nobody's id.
    return ''
  }
}
