import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/** The SHA-256 of a secret: what is kept and compared, so that lengths tell nothing. */
export function secretDigest(secret: string): Uint8Array {
  return sha256(utf8ToBytes(secret.toWellFormed()))
}

/** Whether two digests are equal, in a time that does not depend on where they differ. */
export function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  let difference = 0
  for (let index = 0; index < left.length; index++) {
    difference |= (left[index] as number) ^ (right[index] as number)
  }
  return difference === 0
}
