import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

/** The DER of a PKCS #8 Ed25519 key up to its 32-byte seed (RFC 8410, section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The hub's signing key, from its 32-byte seed in hexadecimal, and the public half that POPs are given. */
export async function importReleaseKey(seedHex: string) {
  const der = Buffer.concat([pkcs8Head, Buffer.from(seedHex, 'hex')])
  const privateKey = await crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, [
    'sign',
  ])
  return { privateKey, publicKeyHex: publicKeyHexOf(seedHex) }
}

/** The public half of a seed, 32 bytes in hexadecimal. */
export function publicKeyHexOf(seedHex: string): string {
  const der = Buffer.concat([pkcs8Head, Buffer.from(seedHex, 'hex')])
  const key: KeyObject = createPublicKey(
    createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  )
  return key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
}
