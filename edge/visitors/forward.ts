import * as v from 'valibot'
import {
  type Delivery,
  deliveryReceiptSchema,
  errorBodySchema,
  finalRefusals,
  ingestPath,
  type OutboxReport,
} from '#shared/contract.ts'
import { signRequest } from '#shared/signature.ts'
import type { OutboxSlice } from './outbox.ts'

export interface ForwardPorts {
  readonly hubUrl: string
  readonly pop: string
  readonly region: string
  readonly key: () => Promise<CryptoKey>
  readonly now: () => number
  readonly newId: () => string
}

/**
 * - `again`: the same may be taken another time.
 * - `smaller`: somebody on the way does not let as much through.
 * - `final`: the hub itself says of the content what it will say again.
 */
type Outlook = 'again' | 'smaller' | 'final'

/** The hub did not acknowledge a delivery. */
export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed'
  readonly outlook: Outlook

  constructor(message: string, outlook: Outlook) {
    super(message)
    this.outlook = outlook
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
    // Whoever sends a POP elsewhere is not the hub: a login page answers 200 to everything.
    redirect: 'manual',
    signal: AbortSignal.timeout(answerTimeMaxMs),
  })
  const answer = await response.text()
  if (response.ok && acknowledges(answer, slice.batches.length)) return
  const reason = `the hub answered ${response.status}: ${answer.slice(0, 200)}`
  throw new DeliveryFailed(reason, outlookOf(response.status, answer))
}

/** Only a receipt for every batch that was sent is one, whatever the status says. */
function acknowledges(answer: string, batches: number): boolean {
  const receipt = v.safeParse(deliveryReceiptSchema, parse(answer))
  return receipt.success && receipt.output.accepted + receipt.output.duplicates === batches
}

/** A proxy has its own 413 and 422, and they say nothing of what the hub would do. */
function outlookOf(status: number, answer: string): Outlook {
  if (status !== 413 && status !== 422) return 'again'
  const body = v.safeParse(errorBodySchema, parse(answer))
  if (body.success && finalRefusals.some((code) => code === body.output.error)) return 'final'
  return status === 413 ? 'smaller' : 'again'
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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
