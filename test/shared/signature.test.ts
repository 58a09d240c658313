import { beforeAll, describe, expect, it } from 'vitest'
import { importPopKey, importReleasePublicKey } from '#shared/keys.ts'
import { limits } from '#shared/limits.ts'
import {
  type Nonces,
  type RequestToSign,
  signatureHeaders,
  signRelease,
  signRequest,
  verifyHead,
  verifyRelease,
  verifyRequest,
} from '#shared/signature.ts'
import { popSecret, releasePrivateKeyHex, releasePublicKeyHex } from '#test/support/keys.ts'

const nowMs = Date.UTC(2026, 0, 5, 12)
const request = { method: 'POST', path: '/v1/ingest?part=1', body: bytes('{"batches":[]}') }
type Headers = Record<string, string>

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text))
}

function memoryOfNonces(): Nonces & { readonly claimed: Set<string> } {
  const claimed = new Set<string>()
  const claim = (nonce: string) => !claimed.has(nonce) && claimed.add(nonce) !== undefined
  return { claimed, claim }
}

function privateKey(): Promise<CryptoKey> {
  const der = new Uint8Array(Buffer.from(releasePrivateKeyHex, 'hex'))
  return crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign'])
}

describe.each([
  ['HMAC-SHA-256', () => importPopKey(popSecret), () => importPopKey(popSecret)],
  ['Ed25519', privateKey, () => importReleasePublicKey(releasePublicKeyHex)],
])('a request signed with %s', (_name, signingKey, checkingKey) => {
  let headers: Headers
  let check: CryptoKey

  beforeAll(async () => {
    headers = await signRequest(await signingKey(), request, { nowMs, nonce: 'nonce-1' })
    check = await checkingKey()
  })

  function verify(
    changes: Partial<RequestToSign> = {},
    sent: Headers = headers,
    nonces: Nonces = memoryOfNonces(),
    at = nowMs,
  ) {
    return verifyRequest(check, { ...request, ...changes }, (name) => sent[name], nonces, at)
  }

  it('is believed as it was sent', async () => {
    expect(await verify()).toBeNull()
  })

  it.each(Object.values(signatureHeaders))('is refused without %s', async (name) => {
    expect(await verify({}, { ...headers, [name]: '' })).toBe('signature_missing')
  })

  it.each([
    ['body', { body: bytes('{"batches":[1]}') }],
    ['path', { path: '/v1/ingest?part=2' }],
    ['method', { method: 'PUT' }],
  ])('is refused with another %s', async (_what, change) => {
    expect(await verify(change)).toBe('signature_invalid')
  })

  it.each([
    ['nonce', signatureHeaders.nonce, 'nonce-2'],
    ['time', signatureHeaders.timestamp, String(nowMs / 1_000 + 1)],
    ['signature', signatureHeaders.signature, 'ab'.repeat(32)],
    ['signature that is not hexadecimal', signatureHeaders.signature, 'zz'.repeat(32)],
    ['signature of odd length', signatureHeaders.signature, 'a'.repeat(65)],
    ['signature of no bytes', signatureHeaders.signature, 'ab'.repeat(48)],
    ['signature of another kind of key', signatureHeaders.signature, 'ab'.repeat(64)],
    ['digest of the body', signatureHeaders.bodyDigest, 'ab'.repeat(32)],
  ])('is refused with another %s', async (_what, name, value) => {
    expect(await verify({}, { ...headers, [name]: value })).toBe('signature_invalid')
  })

  it.each([-limits.signatureWindowMs, limits.signatureWindowMs])(
    'is believed to the edge of the window (%i ms) and not past it',
    async (offsetMs) => {
      const past = offsetMs + Math.sign(offsetMs)
      expect(await verify({}, headers, memoryOfNonces(), nowMs + offsetMs)).toBeNull()
      const refusal = await verify({}, headers, memoryOfNonces(), nowMs + past)
      expect(refusal).toBe('signature_expired')
    },
  )

  it('is refused with a time that is no number', async () => {
    const sent = { ...headers, [signatureHeaders.timestamp]: 'soon' }
    expect(await verify({}, sent)).toBe('signature_expired')
  })

  it('is taken once', async () => {
    const nonces = memoryOfNonces()
    expect(await verify({}, headers, nonces)).toBeNull()
    expect(await verify({}, headers, nonces)).toBe('signature_replayed')
  })

  it('is believed before its body is there, and refused then where the body is another', async () => {
    const { body: _, ...head } = request
    const header = (name: string) => headers[name]
    expect(await verifyHead(check, head, header, nowMs)).toBeNull()
    expect(await verifyHead(check, { ...head, method: 'PUT' }, header, nowMs)).toBe(
      'signature_invalid',
    )
    expect(await verify({ body: bytes('another') })).toBe('signature_invalid')
  })

  it('fills no memory of nonces where its signature does not hold', async () => {
    const nonces = memoryOfNonces()
    await verify({ method: 'PUT' }, headers, nonces)
    expect(nonces.claimed.size).toBe(0)
  })
})

it('a request signed with another secret is refused', async () => {
  const other = await importPopKey('another secret that is also long enough')
  const headers = await signRequest(other, request, { nowMs, nonce: 'n' })
  const key = await importPopKey(popSecret)
  const refusal = await verifyRequest(key, request, (n) => headers[n], memoryOfNonces(), nowMs)
  expect(refusal).toBe('signature_invalid')
})

describe('the signature of a release', () => {
  it('holds for its site and digest, and for no other', async () => {
    const digest = 'd'.repeat(64)
    const signature = await signRelease(await privateKey(), 'demo', digest)
    const key = await importReleasePublicKey(releasePublicKeyHex)
    expect(await verifyRelease(key, { site: 'demo', digest, signature })).toBe(true)
    expect(await verifyRelease(key, { site: 'other', digest, signature })).toBe(false)
    expect(await verifyRelease(key, { site: 'demo', digest: 'e'.repeat(64), signature })).toBe(
      false,
    )
    expect(await verifyRelease(key, { site: 'demo', digest, signature: '' })).toBe(false)
  })
})
