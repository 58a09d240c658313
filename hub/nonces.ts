import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Nonces } from '#shared/signature.ts'

const bucketMs = 10_000

/**
 * Nonces of signed requests, in memory until they expire. A nonce is looked for where it expires: the time of
 * a request is signed too, so one that comes again expires with the first. Full, it refuses (503) rather than
 * forgets.
 */
export function memoryNonces(now: () => number): Nonces {
  const buckets = new Map<number, Set<string>>()
  let total = 0

  function forgetExpired(): void {
    const current = Math.floor(now() / bucketMs)
    for (const [number, { size }] of buckets) {
      if (number >= current) continue
      buckets.delete(number)
      total -= size
    }
  }

  return {
    claim(nonce, expiresAtMs) {
      forgetExpired()
      const number = Math.floor(expiresAtMs / bucketMs)
      const bucket = buckets.get(number) ?? new Set()
      if (bucket.has(nonce)) return false
      if (total >= limits.noncesMax)
        throw new RequestRefused(503, 'too_many_deliveries', 'more than can be told apart', 1)
      buckets.set(number, bucket.add(nonce))
      total++
      return true
    },
  }
}
