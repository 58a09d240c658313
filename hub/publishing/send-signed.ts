import type * as v from 'valibot'
import { readPlainly } from '#shared/plain-problem.ts'
import { signRequest } from '#shared/signature.ts'

/** What it takes to speak to a POP as its hub. */
export interface HubSignature {
  readonly key: CryptoKey
  readonly now: () => number
  readonly newId: () => string
}

/** A request of the hub to a POP. */
export interface RequestToPop {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly body?: Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  readonly timeMaxMs: number
}

/** A POP that answered, and not with what it was asked for. */
export class RefusedByPop extends Error {
  override readonly name = 'RefusedByPop'
  /** The POP's own code, such as `release_unknown`; empty where it sent none. */
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** Sends a request to a POP, signed; answers what the schema says. Throws RefusedByPop, or what kept it from answering. */
export async function sendSigned<Answer>(
  pop: string,
  { method, path, body, headers, timeMaxMs }: RequestToPop,
  schema: v.GenericSchema<unknown, Answer>,
  { key, now, newId }: HubSignature,
): Promise<Answer> {
  const request = { method, path, body: body ?? new Uint8Array() }
  const signature = await signRequest(key, request, { nowMs: now(), nonce: newId() })
  const response = await fetch(pop + path, {
    method,
    headers: { ...headers, ...signature },
    ...(body && { body }),
    signal: AbortSignal.timeout(timeMaxMs),
  })
  const text = await response.text()
  if (response.ok) return readAnswer(pop, text, schema)
  const message = `${pop} answered ${response.status}: ${text.slice(0, 300)}`
  throw new RefusedByPop(message, codeOf(text))
}

/** A POP may be of another version, and what has its address may be no POP. */
function readAnswer<Answer>(
  pop: string,
  text: string,
  schema: v.GenericSchema<unknown, Answer>,
): Answer {
  const read = readPlainly(schema, jsonOf(text), { whole: 'the answer', telling: 'type' })
  if (read.ok) return read.value
  const message = `${pop} answered something else than was asked for: ${read.problem.sentence}`
  throw new RefusedByPop(message, '')
}

function codeOf(text: string): string {
  const { error } = (jsonOf(text) ?? {}) as { error?: unknown }
  return typeof error === 'string' ? error : ''
}

/** Undefined where it is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
