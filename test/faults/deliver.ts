import { ingestPath } from '#shared/contract.ts'
import { signedIngest } from '../support/hub.ts'
import type { World } from './world.ts'

/** Delivers to the hub as a POP does, past the world's own POP. */
export async function deliver(
  { wire, secrets }: World,
  body: string,
  nonce: string,
): Promise<void> {
  const request = await signedIngest(body, { secret: secrets.popSecret, nonce })
  const response = await fetch(`http://127.0.0.1:${wire.port}${ingestPath}`, request)
  if (!response.ok) throw new Error(`the hub answered ${response.status} to a delivery`)
}
