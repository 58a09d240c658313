import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import { hubApp } from '#hub/app.ts'
import { readConfig } from '#hub/config.ts'
import { consume } from '#hub/consume.ts'
import { closeEnvironment, openEnvironment } from '#hub/environment.ts'
import { Schedule } from '#hub/schedule.ts'
import { type Delivery, ingestPath } from '#shared/contract.ts'
import { importPopKey } from '#shared/keys.ts'
import { signRequest } from '#shared/signature.ts'
import { baseMs } from './events.ts'
import { popSecret } from './keys.ts'

export const adminToken = 'the-token-of-the-operators-of-the-tests'

/** Settings of a hub that would start; the seed signs nothing outside of tests. */
export const hubVariables = {
  SITES: '{"shop":{"writeKeys":["shop-key"]}}',
  POP_SECRET: popSecret,
  ADMIN_TOKEN: adminToken,
  RELEASE_PRIVATE_KEY: 'ab'.repeat(32),
} as const

/** A hub in this process, everything embedded, its consumer running, in a directory that `close` deletes. */
export async function openTestHub(variables: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-hub-'))
  const settings = { ...hubVariables, HUB_DATA_DIR: directory, LOG_LEVEL: 'silent', ...variables }
  const environment = await openEnvironment(readConfig(settings))
  const consumption = await consume(environment)
  return {
    environment,
    async close() {
      await consumption.stop()
      await closeEnvironment(environment)
      await rm(directory, { recursive: true, force: true })
    },
  }
}
export type TestHub = Awaited<ReturnType<typeof openTestHub>>

/** A hub of a test over HTTP, on a port of its own. */
export async function serveTestHub({ environment }: TestHub) {
  const app = hubApp(environment, new Schedule(environment))
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() }
}

/** A product view as a POP forwards it. */
export function eventRecord(messageId: string, changes: Record<string, unknown> = {}) {
  return {
    ...{ kind: 'event', type: 'track', event: 'Product Viewed', messageId, anonymousId: '1' },
    ...{ timestamp: baseMs, originalTimestamp: baseMs, receivedAt: baseMs },
    ...{ bot: false, late: false, session: 's1', items: ['shoe-1'] },
    ...{ properties: {}, traits: {}, context: {} },
    ...changes,
  }
}

export function deliveryOf(sequence: number, records: readonly unknown[]): Delivery {
  const batch = { site: 'shop', visitor: 'a:1', epoch: 1, sequence, records: [...records] }
  return { pop: 'pop-1', region: 'here', batches: [batch] }
}

let nonces = 0
export interface Signing {
  readonly nowMs?: number
  readonly nonce?: string
  readonly secret?: string
}

/** A delivery to the hub, signed as a POP signs. */
export function signedIngest(body: unknown, signing: Signing = {}): Promise<RequestInit> {
  return signedRequestTo(ingestPath, body, signing)
}

/** A request to a path of the hub, signed as a POP signs. */
export async function signedRequestTo(
  path: string,
  body: unknown,
  signing: Signing = {},
): Promise<RequestInit> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const bytes = new TextEncoder().encode(text)
  const { nowMs = Date.now(), nonce = `nonce ${++nonces}`, secret = popSecret } = signing
  const request = { method: 'POST', path, body: bytes }
  const headers = await signRequest(await importPopKey(secret), request, { nowMs, nonce })
  return { method: 'POST', headers, body: bytes }
}

/** What `/metrics` says of one counter, labels and all in its name; 0 while it has none. */
export async function counterOf(app: Hono, name: string): Promise<number> {
  const headers = { authorization: `Bearer ${adminToken}` }
  const text = await (await app.request('/metrics', { headers })).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length) ?? 0)
}
