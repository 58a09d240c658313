import {
  type PopErasure,
  type PopVisitor,
  popErasureSchema,
  popVisitorSchema,
  visitorPath,
} from '#shared/contract.ts'
import { type HubSignature, sendSigned } from '../publishing/send-signed.ts'
import type { VisitorName } from './name.ts'

/** An operator waits for it, and a POP that is away costs every round as much. */
const timeMaxMs = 5_000

/** A page of what a POP keeps of a visitor. Throws where the POP does not answer or refuses. */
export async function askPop(
  pop: string,
  name: VisitorName,
  after: string,
  signature: HubSignature,
): Promise<PopVisitor> {
  const path = pathOf({ ...name, ...(after && { after }) })
  return sendSigned(pop, { method: 'GET', path, timeMaxMs }, popVisitorSchema, signature)
}

/** Erases a visitor at a POP; resolves when that is durable there. Throws where it does not answer or refuses. */
export async function eraseAtPop(
  pop: string,
  { site, visitor }: VisitorName,
  signature: HubSignature,
): Promise<PopErasure> {
  const path = pathOf({ site, visitor })
  return sendSigned(pop, { method: 'DELETE', path, timeMaxMs }, popErasureSchema, signature)
}

function pathOf(query: Record<string, string>): string {
  return `${visitorPath}?${new URLSearchParams(query)}`
}
