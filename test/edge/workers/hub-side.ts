import {
  releaseDigestHeader,
  releasePath,
  releaseSignatureHeader,
  visitorPath,
} from '#shared/contract.ts'
import { type PackedRelease, packRelease, type ReleaseParts } from '#shared/release.ts'
import { signRelease, signRequest } from '#shared/signature.ts'
import { type Answer, send, testEnv } from './pop.ts'

/** What a push says that a liar or a broken hub would say otherwise. */
export interface Push {
  readonly site?: string
  readonly digest?: string
  readonly signature?: string
  readonly signedAtMs?: number
  readonly nonce?: string
  readonly key?: CryptoKey
  readonly headers?: Record<string, string>
  /** Terms of a canary as JSON, or `end`. */
  readonly canary?: string
  readonly as?: 'standby'
}

/** The hub's private key, as the settings of the tests have it. */
export function hubKey(): Promise<CryptoKey> {
  const hex = testEnv.RELEASE_PRIVATE_KEY as string
  const der = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
  return crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign'])
}

/** Pushes a release as the hub does, but for what `push` changes. */
export async function pushRelease(packed: PackedRelease, push: Push = {}): Promise<Answer> {
  const { site = 'demo', digest = packed.digest, nonce = crypto.randomUUID() } = push
  const key = push.key ?? (await hubKey())
  const signature = push.signature ?? (await signRelease(await hubKey(), site, digest))
  const { canary, as } = push
  const use = { ...(canary !== undefined && { canary }), ...(as && { as }) }
  const path = `${releasePath}?${new URLSearchParams({ site, ...use })}`
  const request = { method: 'PUT', path, body: packed.bytes }
  const signed = await signRequest(key, request, { nowMs: push.signedAtMs ?? Date.now(), nonce })
  const headers = {
    ...signed,
    [releaseDigestHeader]: digest,
    [releaseSignatureHeader]: signature,
    ...push.headers,
  }
  return send(path, packed.bytes, { key: null, method: 'PUT', headers })
}

export async function packAndPush(parts: ReleaseParts, push: Push = {}): Promise<Answer> {
  return pushRelease(await packRelease(parts), push)
}

/** Asks for a visitor, or for its end, as the hub does, but for what `order` changes. */
export async function askVisitor(
  method: 'GET' | 'DELETE',
  query: Record<string, string>,
  order: Pick<Push, 'signedAtMs' | 'nonce' | 'key'> = {},
): Promise<Answer> {
  const path = `${visitorPath}?${new URLSearchParams(query)}`
  const at = { nowMs: order.signedAtMs ?? Date.now(), nonce: order.nonce ?? crypto.randomUUID() }
  const request = { method, path, body: new Uint8Array() }
  const headers = await signRequest(order.key ?? (await hubKey()), request, at)
  return send(path, undefined, { key: null, method, headers })
}
