import { didYouMean, withoutSpelling } from '#shared/did-you-mean.ts'
import { cut } from '#shared/given.ts'
import type { Warnings } from './warnings.ts'

export type RawObject = Readonly<Record<string, unknown>>

/**
 * What the Segment specification and its SDKs put around a body or an event: it is nobody's mistake where it is not read.
 * Source: https://segment.com/docs/connections/spec/common/
 */
export const envelope = [
  ...['writeKey', 'sentAt', 'receivedAt', 'timestamp', 'messageId', 'context', 'integrations'],
  ...['version', 'channel', 'projectId', 'options'],
]

/** Names that mean something, and those that are let pass. */
export interface Fields {
  readonly read: readonly string[]
  readonly known: ReadonlySet<string>
}
export const fields = (read: readonly string[], others: readonly string[] = []): Fields => ({
  read,
  known: new Set([...read, ...others]),
})

/** Names that are none of the known ones. An SDK's own begin with `_` or `$`, and so does what outwits caches. */
export function warnOfNames(
  given: RawObject,
  { known, read }: Fields,
  path: string,
  warnings: Warnings,
  says: (name: string) => string,
): void {
  for (const name of Object.keys(given)) {
    if (known.has(name) || name.startsWith('_') || name.startsWith('$')) continue
    if (warnings.isFull) return
    warnings.add('unknown_field', `${path.replace(/\[\d+\]/, '')}${name}`, () => {
      const meant = didYouMean(name, read)
      const hint = meant ? `; did you mean ${meant}?` : ''
      return `${path}${cut(name)} ${says(name)}${hint}`
    })
  }
}

const spellingCharactersMax = 64

/** One of these names where it stands in another spelling, as productId for product_id. */
export function spelling(names: readonly string[], given: RawObject) {
  const plain = new Map(names.map((name) => [withoutSpelling(name), name]))
  for (const other of Object.keys(given)) {
    if (other.length > spellingCharactersMax || names.includes(other)) continue
    const name = plain.get(withoutSpelling(other))
    if (name) return { name, told: ` (${other} is there: did you mean ${name}?)` }
  }
  return null
}
