import { reset, SELF } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Bindings } from '#edge/environment.ts'
import { objectNameOf } from '#edge/visitors/mapping.ts'
import type { Visitors } from '#edge/visitors/object.ts'
import type { ErrorBody } from '#shared/contract.ts'

/** The POP's bindings, and what only the tests have: the hub's private key. */
export const testEnv = env as unknown as Bindings & Readonly<Record<string, string>>
export const address = 'https://pop.test'

type Body = string | Uint8Array<ArrayBuffer> | object
export type Answer = { readonly status: number; readonly headers: Headers } & {
  readonly body: Record<string, unknown> & Partial<ErrorBody>
}

export interface Sending {
  readonly key?: string | null
  readonly headers?: Record<string, string>
  readonly method?: string
}

/** Sends a request to the POP as a storefront does; an object is sent as JSON, anything else as it is. */
export async function send(path: string, body?: Body, sending: Sending = {}): Promise<Answer> {
  const { key = 'demo', headers = {}, method = body === undefined ? 'GET' : 'POST' } = sending
  const authorization = key === null ? undefined : `Basic ${btoa(`${key}:`)}`
  const raw = typeof body === 'string' || body instanceof Uint8Array
  const response = await SELF.fetch(address + path, {
    method,
    headers: { ...(authorization && { authorization }), ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  })
  const answer = method === 'HEAD' ? {} : await response.json()
  return { status: response.status, headers: response.headers, body: answer } as Answer
}

export function sendBatch(batch: unknown, sending?: Sending): Promise<Answer> {
  return send('/v1/batch', { batch } as object, sending)
}

export async function counter(name: string, label?: string): Promise<number> {
  const text = await (await SELF.fetch(`${address}/metrics`)).text()
  const wanted = label ? `${name}{${label}}` : name
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${wanted} `))
  return Number(line?.slice(wanted.length + 1) ?? 0)
}

export function ownerOf(visitor: string, site = 'demo'): DurableObjectStub<Visitors> {
  const name = objectNameOf(site, visitor, Number(testEnv.VISITOR_SHARDS))
  return testEnv.VISITORS.get(testEnv.VISITORS.idFromName(name))
}

/** Everything that was stored is gone; what an isolate holds in memory (a live release, counters) stays. */
export async function forgetEverything(): Promise<void> {
  await reset()
}

export async function gzipped(
  text: string | Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream()
  const packed = stream.pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(packed).arrayBuffer())
}
