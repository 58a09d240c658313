import { createHash } from 'node:crypto'
import type { Policy } from '#shared/policy.ts'
import type { TrainingData } from './read-sessions.ts'

/** SHA-256 in hex of all that a release is made from: the same once more would answer no differently. */
export function trainingFingerprint({ catalogue, sessions }: TrainingData, policy: Policy): string {
  const hash = createHash('sha256').update(JSON.stringify([policy, catalogue]))
  for (const { buffer, byteOffset, byteLength } of [
    sessions.items,
    sessions.sessionOffsets,
    sessions.sessionEndsAtMs,
  ]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return hash.digest('hex')
}
