import * as v from 'valibot'
import { vi } from 'vitest'
import { type Delivery, deliverySchema, ingestPath, type RecordBatch } from '#shared/contract.ts'
import { importPopKey } from '#shared/keys.ts'
import { type SignatureRefusal, verifyRequest } from '#shared/signature.ts'
import { testEnv } from './pop.ts'

/** A hub in place of `fetch`: it checks every delivery as the real one does, and answers as it is told. */
export interface FakeHub {
  readonly deliveries: readonly Delivery[]
  readonly refusals: readonly (SignatureRefusal | null)[]
  /** The batches it acknowledged, in the order in which they came. */
  batches(): RecordBatch[]
  /** What each request was to do where it is sent elsewhere. */
  readonly redirects: readonly (string | undefined)[]
  /** From now on: a status, somebody else's answer, or none at all. */
  answerWith(status: number | 'unreachable' | (() => Response)): void
  /** What happens elsewhere between a delivery and its answer; null for nothing. */
  beforeAnswer(happens: (() => Promise<void>) | null): void
}

export function startFakeHub(): FakeHub {
  const deliveries: Delivery[] = []
  const refusals: (SignatureRefusal | null)[] = []
  const nonces = new Set<string>()
  const redirects: (string | undefined)[] = []
  let status: number | 'unreachable' | (() => Response) = 200
  let meanwhile: (() => Promise<void>) | null = null
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    if (status === 'unreachable') throw new TypeError('Network connection lost.')
    const body = new Uint8Array(init?.body as Uint8Array<ArrayBuffer>)
    const headers = new Headers(init?.headers)
    const { pathname, search } = new URL(String(input))
    const claim = (nonce: string) => !nonces.has(nonce) && nonces.add(nonce) !== undefined
    const request = { method: init?.method ?? 'GET', path: pathname + search, body }
    const key = await importPopKey(testEnv.POP_SECRET as string)
    refusals.push(await verifyRequest(key, request, (n) => headers.get(n), { claim }, Date.now()))
    if (String(input) !== `${testEnv.HUB_URL}${ingestPath}`)
      return new Response('', { status: 404 })
    redirects.push(init?.redirect)
    if (typeof status === 'function') return status()
    if (status === 422) return Response.json({ error: 'not_loggable', detail: 'no' }, { status })
    if (status !== 200) return new Response('told to fail', { status })
    const delivery = v.parse(deliverySchema, JSON.parse(new TextDecoder().decode(body)))
    deliveries.push(delivery)
    await meanwhile?.()
    return Response.json({ accepted: delivery.batches.length, duplicates: 0 })
  })
  return {
    deliveries,
    refusals,
    redirects,
    batches: () => deliveries.flatMap(({ batches }) => batches),
    answerWith: (next) => {
      status = next
    },
    beforeAnswer: (happens) => {
      meanwhile = happens
    },
  }
}
