import { limits } from '#shared/limits.ts'
import type { Nonces } from '#shared/signature.ts'

/** Nonces of signed requests, in memory until they expire; full, it refuses rather than forgets. */
export function memoryNonces(now: () => number): Nonces {
  const expiries = new Map<string, number>()
  return {
    claim(nonce, expiresAtMs) {
      if (expiries.has(nonce)) return false
      if (expiries.size >= limits.noncesMax) forgetExpired(expiries, now())
      if (expiries.size >= limits.noncesMax) return false
      expiries.set(nonce, expiresAtMs)
      return true
    },
  }
}

function forgetExpired(expiries: Map<string, number>, nowMs: number): void {
  for (const [nonce, expiresAtMs] of expiries) if (expiresAtMs < nowMs) expiries.delete(nonce)
}
