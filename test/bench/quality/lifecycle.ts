import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundleWorker } from '#edge/box/bundle.ts'
import { publicKeyHexOf } from '#hub/release-key.ts'
import { eventRecord, signedIngest } from '../../support/hub.ts'
import { loadSite } from '../deliveries.ts'
import { type MeasuredHub, startMeasuredHub } from '../measured-hub.ts'
import { largeModel } from './large-model.ts'
import { pushTo } from './push-to.ts'

const popsTotal = 20
const sessionsTotal = 500
const timeMaxMs = 120_000

interface Secrets {
  readonly popSecret: string
  readonly releasePrivateKey: string
}

/**
 * The way of a model of the largest size: pushed and judged against a champion on 500 sessions, live at 20 POPs, each
 * a workerd of its own on this machine, and back. Live is what a POP answers a visitor by.
 */
export async function measureLifecycle(): Promise<Record<string, number>> {
  const secrets = { popSecret: secret(), releasePrivateKey: secret() }
  const pops = await startPops(secrets)
  const urls = await Promise.all(pops.map(async (pop) => (await pop.ready).origin))
  const hub = await startMeasuredHub({
    ...{ POP_SECRET: secrets.popSecret, RELEASE_PRIVATE_KEY: secrets.releasePrivateKey },
    POP_URLS: JSON.stringify(urls),
  })
  try {
    const champion = await release(hub, 1)
    await hub.ask(`/v1/releases/${champion}/promote`, { method: 'POST' })
    await untilAnsweredBy(champion, urls)
    await ingestSessions(hub, secrets)
    const startedAt = performance.now()
    const challenger = await release(hub, 2)
    const judgedAt = performance.now()
    await Promise.all([
      hub.ask(`/v1/releases/${challenger}/promote`, { method: 'POST' }),
      untilAnsweredBy(challenger, urls),
    ])
    const liveAt = performance.now()
    const one = urls.slice(0, 1)
    const atOne = untilAnsweredBy(champion, one).then(() => performance.now())
    await Promise.all([
      hub.ask('/v1/releases/rollback', { method: 'POST' }),
      untilAnsweredBy(champion, urls),
    ])
    const backAt = performance.now()
    return {
      pushToJudgedSeconds: (judgedAt - startedAt) / 1_000,
      promoteToLive20PopsSeconds: (liveAt - judgedAt) / 1_000,
      rollbackSeconds: ((await atOne) - liveAt) / 1_000,
      rollback20PopsSeconds: (backAt - liveAt) / 1_000,
    }
  } finally {
    await hub.remove()
    await Promise.all(pops.map((pop) => pop.dispose()))
  }
}

async function startPops({ popSecret, releasePrivateKey }: Secrets): Promise<Miniflare[]> {
  const modules = await bundleWorker()
  return Array.from(
    { length: popsTotal },
    (_, at) =>
      new Miniflare(
        convertV4MiniflareOptions({
          ...{ host: '127.0.0.1', port: 0, name: `pop-${at}`, modules },
          compatibilityDate: '2026-10-01',
          bindings: {
            SITES: JSON.stringify({ [loadSite]: { writeKeys: [loadSite] } }),
            // Nothing is forwarded in the time this takes.
            ...{ HUB_URL: 'http://127.0.0.1:9', FORWARD_DELAY_MS: '60000', VISITOR_SHARDS: '1' },
            ...{ POP_ID: `pop-${at}`, POP_SECRET: popSecret },
            RELEASE_PUBLIC_KEY: publicKeyHexOf(releasePrivateKey),
          },
          durableObjects: {
            VISITORS: { className: 'Visitors', useSQLite: true },
            OFFERS: { className: 'Offers', useSQLite: true },
            RELEASES: { className: 'ReleaseShelf', useSQLite: true },
          },
        }),
      ),
  )
}

/** Pushes the largest model with other weights; the champion's interval is its own, so it is not proven worse. */
async function release(hub: MeasuredHub, seed: number): Promise<string> {
  const pushed = await pushTo(hub, largeModel(undefined, seed))
  if (pushed.release !== null) return pushed.release
  throw new Error(`the model was refused: ${pushed.reason}`)
}

async function ingestSessions(hub: MeasuredHub, { popSecret }: Secrets): Promise<void> {
  const at = Date.now() + 60_000
  const batches = Array.from({ length: sessionsTotal }, (_, session) => ({
    ...{ site: loadSite, visitor: `a:${session}`, epoch: 1, sequence: 1 },
    records: [0, 1, 2, 3].map((step) =>
      eventRecord(`${session} ${step}`, {
        ...{
          anonymousId: String(session),
          items: [`item-${(session * 37 + step * 101) % 36_000}`],
        },
        ...{ timestamp: at + step, originalTimestamp: at + step, receivedAt: at + step },
      }),
    ),
  }))
  const request = await signedIngest(
    { pop: 'bench', region: 'here', batches },
    { secret: popSecret },
  )
  const response = await fetch(`${hub.url}/v1/ingest`, request)
  if (!response.ok) throw new Error(`ingest answered ${await response.text()}`)
  for (let waitedMs = 0; waitedMs < timeMaxMs; waitedMs += 200) {
    const [row] = await hub.query<{ total: number }>('SELECT count() AS total FROM events_once')
    if (Number(row?.total) >= sessionsTotal * 4) return
    await wait(200)
  }
  throw new Error('the sessions were not stored in time')
}

/** Asks every POP again and again until each answers a visitor by the release. */
async function untilAnsweredBy(digest: string, urls: readonly string[]): Promise<void> {
  await Promise.all(
    urls.map(async (url) => {
      const deadline = performance.now() + timeMaxMs
      while ((await answeredBy(url)) !== digest) {
        if (performance.now() > deadline) throw new Error(`${url} does not answer by ${digest}`)
        await wait(50)
      }
    }),
  )
}

async function answeredBy(url: string): Promise<string | null> {
  const address = `${url}/v1/recommendations?writeKey=${loadSite}&anonymousId=probe&limit=1`
  const response = await fetch(address)
  return response.ok ? ((await response.json()) as { release: string | null }).release : null
}

function secret(): string {
  return randomBytes(32).toString('hex')
}
