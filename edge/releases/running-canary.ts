import type { CanaryTerms } from '#shared/canary.ts'
import type { Held } from './held.ts'
import type { CanaryPointer } from './shelf.ts'
import { Votes } from './votes.ts'

/**
 * A canary and what was counted of both since it began in this isolate. It outlives what is live beside it: the others
 * were answered by whatever was, in the same hours.
 */
export interface Canary {
  readonly digest: string
  readonly terms: CanaryTerms
  readonly votes: Votes
  /** What is held beside the live one; null while that one's place is needed to load another, and nobody is counted. */
  held: Held | null
}

export function canaryOf(held: Held, terms: CanaryTerms): Canary {
  return { digest: held.release.digest, terms, votes: new Votes(terms), held }
}

/** Whether this is the canary that an order names. */
export function isOrder(
  canary: Canary | null,
  { digest, terms }: Omit<CanaryPointer, 'signature'>,
): canary is Canary {
  return canary !== null && nameOf(canary.digest, canary.terms) === nameOf(digest, terms)
}

/** A release may be the canary twice: by when it began it is another one. */
export function nameOf(digest: string, { startedAtMs }: CanaryTerms): string {
  return `${digest} ${startedAtMs}`
}
