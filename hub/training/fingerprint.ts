import { createHash } from 'node:crypto'
import type { Policy } from '#shared/policy.ts'
import type { Heard } from './learned/read-histories.ts'
import type { TrainingData } from './read-sessions.ts'

/**
 * SHA-256 in hex of all that a release is made from: the same once more would answer no differently. Models that a
 * policy has learned come from every event that was heard; what comes with the hub changes when that is upgraded.
 */
export function trainingFingerprint(
  { catalogue, sessions }: TrainingData,
  policy: Policy,
  heard: Heard,
  shipped: Readonly<Record<string, Uint8Array>>,
): string {
  const hash = createHash('sha256').update(JSON.stringify([policy, catalogue, heard]))
  for (const { buffer, byteOffset, byteLength } of [
    sessions.items,
    sessions.sessionOffsets,
    sessions.sessionEndsAtMs,
  ]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  for (const model of Object.values(shipped)) hash.update(model)
  return hash.digest('hex')
}
