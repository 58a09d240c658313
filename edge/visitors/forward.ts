import { type Delivery, ingestPath, type OutboxReport } from '#shared/contract.ts'
import { signRequest } from '#shared/signature.ts'
import type { OutboxSlice } from './core.ts'

export interface ForwardPorts {
  readonly hubUrl: string
  readonly pop: string
  readonly region: string
  readonly key: () => Promise<CryptoKey>
  readonly now: () => number
  readonly newId: () => string
}

/** The hub did not acknowledge a delivery; `isFinal`: it never will, whenever it is sent. */
export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed'
  readonly isFinal: boolean

  constructor(message: string, isFinal: boolean) {
    super(message)
    this.isFinal = isFinal
  }
}

const answerTimeMaxMs = 15_000

/** Posts a slice of the outbox to the hub, signed. Throws where the hub did not acknowledge it. */
export async function forward(
  slice: OutboxSlice,
  ports: ForwardPorts,
  outbox?: OutboxReport,
): Promise<void> {
  const body = deliveryBytes(slice, ports, outbox)
  const request = { method: 'POST', path: ingestPath, body }
  const at = { nowMs: ports.now(), nonce: ports.newId() }
  const headers = await signRequest(await ports.key(), request, at)
  const response = await fetch(ports.hubUrl + ingestPath, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(answerTimeMaxMs),
  })
  const answer = await response.text()
  if (response.ok) return
  const reason = `the hub answered ${response.status}: ${answer.slice(0, 200)}`
  // What the hub says of the content it will say again; everything else may pass.
  throw new DeliveryFailed(reason, response.status === 413 || response.status === 422)
}

/** The batches are JSON already: they are put together as text, and not read and written again. */
function deliveryBytes(
  slice: OutboxSlice,
  { pop, region }: ForwardPorts,
  outbox: OutboxReport | undefined,
): Uint8Array<ArrayBuffer> {
  const head: Omit<Delivery, 'batches'> = { pop, region, ...(outbox && { outbox }) }
  const text = `${JSON.stringify(head).slice(0, -1)},"batches":[${slice.batches.join(',')}]}`
  return new Uint8Array(new TextEncoder().encode(text))
}
