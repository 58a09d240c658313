import { type CanaryTerms, isInCanary, type ReleaseCounts } from '#shared/canary.ts'
import type { Held } from './held.ts'
import type { CanaryPointer } from './shelf.ts'

/** The canary is what is held beside the live one; what was counted of both since it began in this isolate. */
export interface Canary {
  readonly held: Held
  readonly terms: CanaryTerms
  readonly own: ReleaseCounts
  readonly others: ReleaseCounts
}

/** Whether this is the canary that the shelf has. */
export function isRunning(canary: Canary | null, { digest, terms }: CanaryPointer): boolean {
  return (
    canary !== null && nameOf(canary.held.release.digest, canary.terms) === nameOf(digest, terms)
  )
}

/** Whether the canary answers a visitor. */
export function isFor({ held, terms }: Canary, visitor: string): boolean {
  return isInCanary(held.release.digest, terms, visitor)
}

/** A release may be the canary twice: by when it began it is another one. */
export function nameOf(digest: string, { startedAtMs }: CanaryTerms): string {
  return `${digest} ${startedAtMs}`
}

export function count(counts: ReleaseCounts, latencyMs: number, hasFailed: boolean): void {
  counts.decisions++
  counts.latencyMsTotal += latencyMs
  if (hasFailed) counts.failures++
}
