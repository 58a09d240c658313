import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { sha256Hex } from './digest.ts'
import { limits } from './limits.ts'

/** Headers of a signed request between POP and hub. */
export const signatureHeaders = {
  timestamp: 'shelfedge-timestamp',
  nonce: 'shelfedge-nonce',
  signature: 'shelfedge-signature',
} as const

export interface RequestToSign {
  readonly method: string
  /** Path and query, as sent. */
  readonly path: string
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
  const text = await textToSign(request, timestamp, at.nonce)
  const signature = await crypto.subtle.sign(key.algorithm.name, key, text)
  return {
    [signatureHeaders.timestamp]: timestamp,
    [signatureHeaders.nonce]: at.nonce,
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
  const early = refuseByHeaders(header, nowMs)
  if (early) return early
  const { timestamp, nonce, signature } = signatureOf(header)
  const signedAtMs = Number(timestamp) * 1_000
  const text = await textToSign(request, timestamp, nonce)
  if (!(await verifies(key, signature, text))) return 'signature_invalid'
  const isFirst = await nonces.claim(nonce, signedAtMs + limits.signatureWindowMs)
  return isFirst ? null : 'signature_replayed'
}

/** What the headers alone give away, so that a body is not read for nothing. */
export function refuseByHeaders(header: Header, nowMs: number): SignatureRefusal | null {
  const { timestamp, nonce, signature } = signatureOf(header)
  if (timestamp === '' || nonce === '' || signature === '') return 'signature_missing'
  // Written so that NaN is expired too.
  const isRecent = Math.abs(nowMs - Number(timestamp) * 1_000) <= limits.signatureWindowMs
  return isRecent ? null : 'signature_expired'
}

function signatureOf(header: Header) {
  return {
    timestamp: header(signatureHeaders.timestamp) ?? '',
    nonce: header(signatureHeaders.nonce) ?? '',
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
  if (!/^[0-9a-f]{64,128}$/.test(signatureHex) || signatureHex.length % 2 === 1) return false
  const signature = new Uint8Array(hexToBytes(signatureHex))
  return crypto.subtle.verify(key.algorithm.name, key, signature, text)
}

async function textToSign(request: RequestToSign, timestamp: string, nonce: string) {
  const digest = await sha256Hex(request.body)
  const lines = ['shelfedge-request-1', request.method, request.path, timestamp, nonce, digest]
  return utf8(lines.join('\n'))
}

function releaseText(site: string, digest: string): Uint8Array<ArrayBuffer> {
  return utf8(['shelfedge-release-1', site, digest].join('\n'))
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text))
}
