import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { sha256Hex } from './digest.ts'
import { limits } from './limits.ts'

/** Headers of a signed request between POP and hub. */
export const signatureHeaders = {
  timestamp: 'shelfedge-timestamp',
  nonce: 'shelfedge-nonce',
  /** Of the body, SHA-256: so that the signature is checked before the body is read. */
  bodyDigest: 'shelfedge-body-digest',
  signature: 'shelfedge-signature',
} as const

export interface RequestHead {
  readonly method: string
  /** Path and query, as sent. */
  readonly path: string
}

export interface RequestToSign extends RequestHead {
  readonly body: Uint8Array<ArrayBuffer>
}

export type SignatureRefusal =
  | 'signature_missing'
  | 'signature_expired'
  | 'signature_invalid'
  | 'signature_replayed'

type Header = (name: string) => string | null | undefined

/** Remembers nonces until they expire; says false for one it has seen. Bounded by `limits.noncesMax`. */
export interface Nonces {
  claim(nonce: string, expiresAtMs: number): boolean | Promise<boolean>
}

/**
 * Signs a request with an HMAC-SHA-256 or Ed25519 key: the headers to send along.
 * The nonce is fresh for every attempt, also when the same body is sent again.
 */
export async function signRequest(
  key: CryptoKey,
  request: RequestToSign,
  at: { readonly nowMs: number; readonly nonce: string },
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(at.nowMs / 1_000))
  const bodyDigest = await sha256Hex(request.body)
  const text = textToSign(request, { timestamp, nonce: at.nonce, bodyDigest })
  const signature = await crypto.subtle.sign(key.algorithm.name, key, text)
  return {
    [signatureHeaders.timestamp]: timestamp,
    [signatureHeaders.nonce]: at.nonce,
    [signatureHeaders.bodyDigest]: bodyDigest,
    [signatureHeaders.signature]: bytesToHex(new Uint8Array(signature)),
  }
}

/**
 * Checks a signed request: who sent it, that it is recent, and that it is here for the first time.
 * `crypto.subtle.verify` compares in constant time. The nonce is claimed last, so that nobody without
 * the key can fill the memory of nonces.
 */
export async function verifyRequest(
  key: CryptoKey,
  request: RequestToSign,
  header: Header,
  nonces: Nonces,
  nowMs: number,
): Promise<SignatureRefusal | null> {
  const refusal = await verifyHead(key, request, header, nowMs)
  if (refusal) return refusal
  const { timestamp, nonce, bodyDigest } = signatureOf(header)
  if (bodyDigest !== (await sha256Hex(request.body))) return 'signature_invalid'
  const signedAtMs = Number(timestamp) * 1_000
  const isFirst = await nonces.claim(nonce, signedAtMs + limits.signatureWindowMs)
  return isFirst ? null : 'signature_replayed'
}

/** Checks all of a signed request but its body, so that nothing is read of whoever has no key. */
export async function verifyHead(
  key: CryptoKey,
  request: RequestHead,
  header: Header,
  nowMs: number,
): Promise<SignatureRefusal | null> {
  const signed = signatureOf(header)
  if (Object.values(signed).includes('')) return 'signature_missing'
  // Written so that NaN is expired too.
  const isRecent = Math.abs(nowMs - Number(signed.timestamp) * 1_000) <= limits.signatureWindowMs
  if (!isRecent) return 'signature_expired'
  const isSigned = await verifies(key, signed.signature, textToSign(request, signed))
  return isSigned ? null : 'signature_invalid'
}

function signatureOf(header: Header) {
  return {
    timestamp: header(signatureHeaders.timestamp) ?? '',
    nonce: header(signatureHeaders.nonce) ?? '',
    bodyDigest: header(signatureHeaders.bodyDigest) ?? '',
    signature: header(signatureHeaders.signature) ?? '',
  }
}

/** Signs the digest of a release for one site (Ed25519), in hexadecimal. */
export async function signRelease(key: CryptoKey, site: string, digest: string): Promise<string> {
  return bytesToHex(
    new Uint8Array(await crypto.subtle.sign('Ed25519', key, releaseText(site, digest))),
  )
}

/** Whether a release's signature is the hub's. */
export function verifyRelease(
  key: CryptoKey,
  release: { readonly site: string; readonly digest: string; readonly signature: string },
): Promise<boolean> {
  return verifies(key, release.signature, releaseText(release.site, release.digest))
}

async function verifies(key: CryptoKey, signatureHex: string, text: Uint8Array<ArrayBuffer>) {
  // Of another length Ed25519 throws where HMAC says no.
  const bytes = key.algorithm.name === 'Ed25519' ? 64 : 32
  if (!/^[0-9a-f]*$/.test(signatureHex) || signatureHex.length !== 2 * bytes) return false
  const signature = new Uint8Array(hexToBytes(signatureHex))
  return crypto.subtle.verify(key.algorithm.name, key, signature, text)
}

function textToSign(
  { method, path }: RequestHead,
  signed: Omit<ReturnType<typeof signatureOf>, 'signature'>,
) {
  const { timestamp, nonce, bodyDigest } = signed
  return utf8(['shelfedge-request-1', method, path, timestamp, nonce, bodyDigest].join('\n'))
}

function releaseText(site: string, digest: string): Uint8Array<ArrayBuffer> {
  return utf8(['shelfedge-release-1', site, digest].join('\n'))
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text))
}
