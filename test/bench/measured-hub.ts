import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, untilReady } from '#hub/local/child.ts'
import { localSecrets } from '#hub/local/secrets.ts'
import { trainAndFollow } from '#hub/training/follow.ts'
import { freePort } from '#test/support/free-port.ts'
import { loadSite } from './deliveries.ts'

/** A hub in a process of its own and an empty directory, with durable log and store. */
export async function startMeasuredHub(settings: Readonly<Record<string, string>>) {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-bench-'))
  const { popSecret, adminToken, releasePrivateKey } = await localSecrets(dataDir)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = startChild(
    'hub',
    'hub/main.ts',
    {
      SITES: JSON.stringify({ [loadSite]: { writeKeys: [loadSite] } }),
      ...{ POP_SECRET: popSecret, ADMIN_TOKEN: adminToken, RELEASE_PRIVATE_KEY: releasePrivateKey },
      ...{ HUB_PORT: String(port), HUB_DATA_DIR: join(dataDir, 'hub') },
      ...{ RETRAIN_SECONDS: '0', LOG_LEVEL: 'warn', ...settings },
    },
    join(dataDir, 'hub.log'),
  )
  const send = (path: string, init: RequestInit = {}) =>
    fetch(url + path, { ...init, headers: { authorization: `Bearer ${adminToken}` } })
  const ask = async <Answer>(path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await send(path, init)
    if (!response.ok) throw new Error(`hub ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Answer
  }
  const train = (tell?: (line: string) => void) =>
    trainAndFollow((method, path) => ask(path, { method }), loadSite, tell)
  const remove = async () => {
    await child.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  await untilReady(child, url).catch(async (cause) => {
    await remove()
    throw cause
  })
  return {
    ...{ url, popSecret, remove, ask, send, train, pid: child.process.pid ?? 0 },
    status: () => ask<HubStatus>('/v1/status'),
    query: <Row>(sql: string) => ask<Row[]>('/v1/query', { method: 'POST', body: sql }),
  }
}
export type MeasuredHub = Awaited<ReturnType<typeof startMeasuredHub>>

interface HubStatus {
  readonly lag: readonly { readonly messages: number }[]
  readonly peakMb: { readonly hub: number; readonly store: number | null }
}
