import { releaseDigestHeader, releasePath, releaseSignatureHeader } from '#shared/contract.ts'
import { signRelease } from '#shared/signature.ts'
import { type HubSignature, sendSigned } from './send-signed.ts'

const timeMaxMs = 30_000

/** The digest a POP has live for a site, null for none. Throws where the POP does not answer or refuses. */
export async function askDigest(
  pop: string,
  site: string,
  signature: HubSignature,
): Promise<string | null> {
  const answer = await sendSigned(pop, { method: 'GET', path: pathOf(site), timeMaxMs }, signature)
  return (answer as { digest: string | null }).digest
}

/** Sends a release to a POP. Resolves when it is live there; throws with the POP's reason where it was refused. */
export async function pushRelease(
  pop: string,
  site: string,
  release: { readonly digest: string; readonly bytes: Uint8Array<ArrayBuffer> },
  signature: HubSignature,
): Promise<void> {
  const headers = {
    [releaseDigestHeader]: release.digest,
    [releaseSignatureHeader]: await signRelease(signature.key, site, release.digest),
  }
  const { bytes: body } = release
  await sendSigned(pop, { method: 'PUT', path: pathOf(site), body, headers, timeMaxMs }, signature)
}

function pathOf(site: string): string {
  return `${releasePath}?site=${encodeURIComponent(site)}`
}
