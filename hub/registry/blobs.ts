/** The blob port: bytes of releases and models, each under the SHA-256 of its content. */

import { createHash } from 'node:crypto'

export interface Blobs {
  /** Keeps the bytes and answers their digest in hex; kept for good when it resolves. */
  put(bytes: Uint8Array): Promise<string>
  /** The bytes of a digest, checked against it; null when there are none. */
  get(digest: string): Promise<Uint8Array | null>
}

/** The storage does not answer, or not as it should; the same again later can help. */
export class BlobsUnavailableError extends Error {
  override readonly name = 'BlobsUnavailableError'
  readonly code = 'unavailable'
}

/** The bytes under a digest are not its bytes any more: the storage or somebody changed them. */
export class BlobCorruptError extends Error {
  readonly code = 'corrupt'

  constructor(digest: string) {
    super(`the bytes kept as ${digest} have another digest; restore them from a copy`)
    this.name = 'BlobCorruptError'
  }
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Where a digest lies: in one of 256 folders, which keeps each of them short. Throws for what is no digest. */
export function placeOf(digest: string): readonly [folder: string, name: string] {
  // Digests come from requests: nothing else may become a path.
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new Error('a digest is 64 hexadecimal digits')
  return [digest.slice(0, 2), digest]
}

/** The bytes, if they are those of the digest. Throws BlobCorruptError. */
export function checked<Bytes extends Uint8Array>(digest: string, bytes: Bytes): Bytes {
  if (digestOf(bytes) !== digest) throw new BlobCorruptError(digest)
  return bytes
}
