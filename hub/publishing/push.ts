import { releaseDigestHeader, releasePath, releaseSignatureHeader } from '#shared/contract.ts'
import { signRelease, signRequest } from '#shared/signature.ts'

export interface PushPorts {
  readonly key: CryptoKey
  readonly now: () => number
  readonly newId: () => string
}

const answerTimeMaxMs = 30_000

/** The digest a POP has live for a site, null for none. Throws where the POP does not answer or refuses. */
export async function askDigest(
  pop: string,
  site: string,
  ports: PushPorts,
): Promise<string | null> {
  const answer = await send(pop, 'GET', site, new Uint8Array(), {}, ports)
  return (answer as { digest: string | null }).digest
}

/** Sends a release to a POP. Resolves when it is live there; throws with the POP's reason where it was refused. */
export async function pushRelease(
  pop: string,
  site: string,
  release: { readonly digest: string; readonly bytes: Uint8Array<ArrayBuffer> },
  ports: PushPorts,
): Promise<void> {
  const signature = await signRelease(ports.key, site, release.digest)
  const headers = {
    [releaseDigestHeader]: release.digest,
    [releaseSignatureHeader]: signature,
  }
  await send(pop, 'PUT', site, release.bytes, headers, ports)
}

async function send(
  pop: string,
  method: 'GET' | 'PUT',
  site: string,
  body: Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
  ports: PushPorts,
): Promise<unknown> {
  const path = `${releasePath}?site=${encodeURIComponent(site)}`
  const at = { nowMs: ports.now(), nonce: ports.newId() }
  const signature = await signRequest(ports.key, { method, path, body }, at)
  const response = await fetch(pop + path, {
    method,
    headers: { ...headers, ...signature },
    ...(method === 'PUT' && { body }),
    signal: AbortSignal.timeout(answerTimeMaxMs),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${pop} answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}
