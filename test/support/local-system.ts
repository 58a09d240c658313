import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LocalSystem, startSystem } from '#hub/local/system.ts'
import { trainAndFollow } from '#hub/training/follow.ts'

/** How long a condition of a running system may take to come true on a busy machine. */
export const patience = { timeout: 60_000, interval: 100 } as const

export const writeKeys = { shop: 'shop-key', other: 'other-key' } as const
export type TestSite = keyof typeof writeKeys

export interface Answer {
  readonly decisionId: string
  readonly items: readonly { readonly id: string; readonly by: string; readonly name?: string }[]
  readonly release: string | null
  readonly fallback: string | null
}

/**
 * A hub and a POP in processes of their own, on any free ports, in a directory that `remove` deletes; `policy` is the
 * file of the site `shop`.
 */
export async function startTestSystem(
  settings: Readonly<Record<string, string>> = {},
  policy?: string,
) {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-system-'))
  const policies = policy === undefined ? {} : { POLICY_DIR: await policyDir(dataDir, policy) }
  const system = await startSystem({
    ...{ dataDir, hubPort: 0, popPort: 0, retrainSeconds: 0 },
    sites: { shop: { writeKeys: [writeKeys.shop] }, other: { writeKeys: [writeKeys.other] } },
    settings: { LOG_LEVEL: 'warn', RETRAIN_SESSIONS_MIN: '20', ...policies, ...settings },
  })
  return {
    ...callers(system),
    ...{ system, dataDir },
    async remove() {
      await system.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function policyDir(dataDir: string, policy: string): Promise<string> {
  const directory = join(dataDir, 'policies')
  await mkdir(directory)
  await writeFile(join(directory, 'shop.yaml'), policy)
  return directory
}

export type TestSystem = Awaited<ReturnType<typeof startTestSystem>>

/** What storefronts ask the POP and operators ask the hub. Every answer but 2xx throws. */
function callers(system: LocalSystem) {
  const headers = { authorization: `Bearer ${system.secrets.adminToken}` }
  async function hub<Answered>(path: string, body = ''): Promise<Answered> {
    return answered(await fetch(system.hubUrl + path, { method: 'POST', headers, body }))
  }
  async function pop<Answered>(site: TestSite, path: string, body: object): Promise<Answered> {
    const headers = { authorization: `Basic ${btoa(`${writeKeys[site]}:`)}` }
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    return answered(await fetch(system.popUrl + path, init))
  }
  const query = <Row>(sql: string) => hub<Row[]>('/v1/query', sql)
  return {
    query,
    post: (site: TestSite, batch: readonly object[]) =>
      pop<{ accepted: number; duplicates: number }>(site, '/v1/batch', { batch }),
    decide: (site: TestSite, anonymousId: string, events: readonly object[] = []) =>
      pop<Answer>(site, '/v1/decide', { anonymousId, placement: 'product-page', events }),
    retrain: (site: TestSite) =>
      trainAndFollow(
        async (method, path) => answered(await fetch(system.hubUrl + path, { method, headers })),
        site,
      ),
    /** The one number that a SELECT answers. */
    async count(sql: string): Promise<number> {
      const [row] = await query<Record<string, number>>(sql)
      return Number(Object.values(row ?? {})[0])
    },
  }
}

async function answered<Answered>(response: Response): Promise<Answered> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Answered
}

/** A product view as an SDK sends it; one visitor and item is one event, whenever it is sent again. */
export function viewOf(visitor: string, item: string, properties: object = {}) {
  return {
    type: 'track',
    event: 'Product Viewed',
    messageId: `${visitor} views ${item}`,
    anonymousId: visitor,
    properties: { product_id: item, ...properties },
  }
}

/** `visitors` visitors of `chains` chains of items, each viewing `name-c-a`, `-b` and `-c` in this order. */
export function chainVisits(name: string, visitors: number, chains: number): object[][] {
  return Array.from({ length: visitors }, (_, visitor) =>
    ['a', 'b', 'c'].map((step) =>
      viewOf(`${name} ${visitor}`, `${name}-${visitor % chains}-${step}`),
    ),
  )
}
