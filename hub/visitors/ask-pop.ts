import * as v from 'valibot'
import {
  type PopErasure,
  type PopVisitor,
  popErasureSchema,
  popVisitorSchema,
  visitorPath,
} from '#shared/contract.ts'
import { type HubSignature, RefusedByPop, sendSigned } from '../publishing/send-signed.ts'
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
  const answer = await sendSigned(pop, { method: 'GET', path, timeMaxMs }, signature)
  return read(pop, popVisitorSchema, answer)
}

/** Erases a visitor at a POP; resolves when that is durable there. Throws where it does not answer or refuses. */
export async function eraseAtPop(
  pop: string,
  { site, visitor }: VisitorName,
  signature: HubSignature,
): Promise<PopErasure> {
  const path = pathOf({ site, visitor })
  const answer = await sendSigned(pop, { method: 'DELETE', path, timeMaxMs }, signature)
  return read(pop, popErasureSchema, answer)
}

function pathOf(query: Record<string, string>): string {
  return `${visitorPath}?${new URLSearchParams(query)}`
}

function read<Schema extends v.GenericSchema>(pop: string, schema: Schema, answer: unknown) {
  const parsed = v.safeParse(schema, answer)
  if (parsed.success) return parsed.output
  throw new RefusedByPop(`${pop} answered something else than was asked for`, '')
}
