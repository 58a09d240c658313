import { generateKeyPairSync } from 'node:crypto'

/** An Ed25519 pair that lives as long as one test run, so that no private key lies in the repository. */
const pair = generateKeyPairSync('ed25519')

/** 32 bytes, hexadecimal: what a POP's RELEASE_PUBLIC_KEY wants. */
export const releasePublicKeyHex = pair.publicKey
  .export({ format: 'der', type: 'spki' })
  .subarray(-32)
  .toString('hex')

/** PKCS #8, hexadecimal: the hub's side of it. */
export const releasePrivateKeyHex = pair.privateKey
  .export({ format: 'der', type: 'pkcs8' })
  .toString('hex')

export const popSecret = 'a secret that only the tests of this repository know'
