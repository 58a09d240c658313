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

/** Sends a request to a POP, signed; answers the JSON. Throws RefusedByPop, or what kept it from answering. */
export async function sendSigned(
  pop: string,
  { method, path, body, headers, timeMaxMs }: RequestToPop,
  { key, now, newId }: HubSignature,
): Promise<unknown> {
  const request = { method, path, body: body ?? new Uint8Array() }
  const signature = await signRequest(key, request, { nowMs: now(), nonce: newId() })
  const response = await fetch(pop + path, {
    method,
    headers: { ...headers, ...signature },
    ...(body && { body }),
    signal: AbortSignal.timeout(timeMaxMs),
  })
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  const message = `${pop} answered ${response.status}: ${text.slice(0, 300)}`
  throw new RefusedByPop(message, codeOf(text))
}

function codeOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? error : ''
  } catch {
    return ''
  }
}
