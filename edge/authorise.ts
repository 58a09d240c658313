import { RequestRefused } from '#shared/request-refused.ts'
import {
  type RequestHead,
  type RequestToSign,
  type SignatureRefusal,
  verifyHead,
  verifyRequest,
} from '#shared/signature.ts'
import type { Environment } from './environment.ts'

/** A request that says it is of the hub. */
export interface HubRequest extends RequestToSign {
  readonly header: (name: string) => string | undefined
}

/** Refuses whoever is not the hub, and a request of the hub that is old or sent again. */
export async function authorise(request: HubRequest, environment: Environment): Promise<void> {
  const now = environment.now()
  const refusal = await verifyRequest(
    await environment.releaseKey(),
    request,
    request.header,
    { claim: (nonce, expiresAt) => environment.shelf().claim(nonce, expiresAt, now) },
    now,
  )
  refuseUnsigned(refusal)
}

/** The same before the body is read, for whoever has no key. */
export async function authoriseHead(
  head: RequestHead & Pick<HubRequest, 'header'>,
  { releaseKey, now }: Environment,
): Promise<void> {
  refuseUnsigned(await verifyHead(await releaseKey(), head, head.header, now()))
}

function refuseUnsigned(refusal: SignatureRefusal | null): void {
  if (refusal)
    throw new RequestRefused(
      401,
      refusal,
      'the request is not signed by the hub: its signature is missing, wrong, too old or used before',
    )
}

/** Refuses a site that this POP does not serve. */
export function assertServed(site: string, { config }: Environment): void {
  if (config.siteIds.includes(site)) return
  throw new RequestRefused(404, 'unknown_site', `this POP does not serve the site ${site}`)
}
