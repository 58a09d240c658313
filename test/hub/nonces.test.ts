import { expect, it } from 'vitest'
import { memoryNonces } from '#hub/nonces.ts'
import { limits } from '#shared/limits.ts'
import { baseMs } from '#test/support/events.ts'

const expiresAtMs = baseMs + limits.signatureWindowMs

it('takes a nonce once until it expires', () => {
  let nowMs = baseMs
  const nonces = memoryNonces(() => nowMs)
  expect(nonces.claim('a', expiresAtMs)).toBe(true)
  nowMs = expiresAtMs
  expect(nonces.claim('a', expiresAtMs)).toBe(false)
})

it('full, it says so with a code of its own, and has room again when they have expired', () => {
  let nowMs = baseMs
  const nonces = memoryNonces(() => nowMs)
  for (let number = 0; number < limits.noncesMax; number++) nonces.claim(`${number}`, expiresAtMs)
  const full = { status: 503, code: 'too_many_deliveries', retryAfterSeconds: 1 }
  expect(() => nonces.claim('one more', expiresAtMs)).toThrow(expect.objectContaining(full))
  expect(nonces.claim('0', expiresAtMs)).toBe(false)
  nowMs = expiresAtMs + 10_000
  expect(nonces.claim('one more', nowMs)).toBe(true)
})
