import type { CanaryTerms } from '#shared/canary.ts'
import {
  type ReleaseState,
  releasePath,
  releaseSignatureHeader,
  releaseStateSchema,
} from '#shared/contract.ts'
import { signRelease } from '#shared/signature.ts'
import { type HubSignature, RefusedByPop, sendSigned } from './send-signed.ts'

/** A question is short: a POP that hangs must not hold up a rollback at the others. */
const askTimeMaxMs = 5_000
const pushTimeMaxMs = 30_000

/** What a POP has of a site. Throws where the POP does not answer or refuses. */
export async function askReleases(
  pop: string,
  site: string,
  signature: HubSignature,
): Promise<ReleaseState> {
  const path = pathOf(site, {})
  const request = { method: 'GET', path, timeMaxMs: askTimeMaxMs } as const
  return sendSigned(pop, request, releaseStateSchema, signature)
}

export interface ReleaseToPush {
  readonly digest: string
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>
  readonly use: ReleaseUse
}

/** What a release is to be at a POP. */
export type ReleaseUse = 'live' | 'standby' | CanaryTerms

/**
 * Makes a release live, the canary or the standby at a POP: by its name alone where the POP has it, else with its
 * bytes. Resolves when it is loaded there; throws with the POP's reason where it was refused.
 */
export async function pushRelease(
  pop: string,
  site: string,
  { digest, bytes, use }: ReleaseToPush,
  signature: HubSignature,
): Promise<ReleaseState> {
  const path = pathOf(site, { digest, ...queryOf(use) })
  const headers = { [releaseSignatureHeader]: await signRelease(signature.key, site, digest) }
  const request = { method: 'PUT', path, headers, timeMaxMs: pushTimeMaxMs } as const
  try {
    return await sendSigned(pop, request, releaseStateSchema, signature)
  } catch (cause) {
    if (!(cause instanceof RefusedByPop && cause.code === 'release_unknown')) throw cause
  }
  const withBytes = { ...request, body: await bytes() }
  return sendSigned(pop, withBytes, releaseStateSchema, signature)
}

/** Ends the canary of a site at a POP. */
export async function endCanary(
  pop: string,
  site: string,
  signature: HubSignature,
): Promise<ReleaseState> {
  const path = pathOf(site, { canary: 'end' })
  const request = { method: 'PUT', path, timeMaxMs: askTimeMaxMs } as const
  return sendSigned(pop, request, releaseStateSchema, signature)
}

function queryOf(use: ReleaseUse): Readonly<Record<string, string>> {
  if (use === 'live') return {}
  return use === 'standby' ? { as: use } : { canary: JSON.stringify(use) }
}

function pathOf(site: string, query: Readonly<Record<string, string>>): string {
  return `${releasePath}?${new URLSearchParams({ site, ...query })}`
}
