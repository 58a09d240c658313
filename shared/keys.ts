import { hexToBytes } from '@noble/hashes/utils.js'

/** The secret that a POP and the hub share, as a key that signs and checks requests. */
export function importPopKey(secret: string): Promise<CryptoKey> {
  const bytes = new Uint8Array(new TextEncoder().encode(secret))
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
}

/** The hub's public Ed25519 key (32 bytes, hexadecimal): what a POP believes releases by. Throws on anything else. */
export function importReleasePublicKey(hex: string): Promise<CryptoKey> {
  const bytes = new Uint8Array(hexToBytes(hex))
  return crypto.subtle.importKey('raw', bytes, { name: 'Ed25519' }, true, ['verify'])
}
