import { type Delivery, ingestPath } from '#shared/contract.ts'
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

const answerTimeMaxMs = 15_000

/** Posts a slice of the outbox to the hub, signed. Throws where the hub did not acknowledge it. */
export async function forward(slice: OutboxSlice, ports: ForwardPorts): Promise<void> {
  const body = deliveryBytes(slice, ports)
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
  if (!response.ok) throw new Error(`the hub answered ${response.status}: ${answer.slice(0, 200)}`)
}

/** The batches are JSON already: they are put together as text, and not read and written again. */
function deliveryBytes(slice: OutboxSlice, { pop, region }: ForwardPorts): Uint8Array<ArrayBuffer> {
  const head: Omit<Delivery, 'batches'> = { pop, region }
  const text = `${JSON.stringify(head).slice(0, -1)},"batches":[${slice.batches.join(',')}]}`
  return new Uint8Array(new TextEncoder().encode(text))
}
