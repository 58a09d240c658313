import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Miniflare } from 'miniflare'
import { bundleWorker } from '#edge/box/bundle.ts'
import { eventRecord, signedIngest } from '../../support/hub.ts'
import { loadSite } from '../deliveries.ts'
import { type MeasuredHub, startMeasuredHub } from '../measured-hub.ts'
import { largeModel } from './large-model.ts'
import { type Secrets, startPop } from './pops.ts'
import { pushTo } from './push-to.ts'

const popsTotal = 20
const sessionsTotal = 500
const timeMaxMs = 120_000
/** Asking itself takes of the two cores that 20 POPs share. */
const askEveryMs = 100

/**
 * The way of a model of the largest size: pushed and judged against a champion on 500 sessions, live at 20 POPs, each
 * a workerd of its own on this machine, and back. Live is what a POP answers a visitor by; each time is from the command
 * to the last answer. The first promotion meets POPs that have nothing, so its bytes are sent, verified and loaded then.
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
    const champion = await push(hub, 1)
    const promoteFirst20PopsSeconds = await secondsOf(
      order(hub, `${champion.release}/promote`),
      untilAnsweredBy(champion.release, urls),
    )
    await ingestSessions(hub, secrets)
    const pushedAtMs = Date.now()
    const challenger = await push(hub, 2)
    const pushToReady20PopsSeconds = (Date.now() - pushedAtMs) / 1_000
    const pushToJudgedSeconds = ((await judgedAtMs(hub)) - pushedAtMs) / 1_000
    const promoteToLive20PopsSeconds = await secondsOf(
      order(hub, `${challenger.release}/promote`),
      untilAnsweredBy(challenger.release, urls),
    )
    const atOne = secondsOf(untilAnsweredBy(champion.release, urls.slice(0, 1)))
    const rollback20PopsSeconds = await secondsOf(
      order(hub, 'rollback'),
      untilAnsweredBy(champion.release, urls),
    )
    return {
      ...{ pushToJudgedSeconds, pushToReady20PopsSeconds, readyPops: challenger.readyPops },
      ...{ promoteFirst20PopsSeconds, promoteToLive20PopsSeconds },
      ...{ rollbackSeconds: await atOne, rollback20PopsSeconds },
    }
  } finally {
    await hub.remove()
    await Promise.all(pops.map((pop) => pop.dispose()))
  }
}

/** How long all of it took from here. */
async function secondsOf(...work: Promise<unknown>[]): Promise<number> {
  const startedAt = performance.now()
  await Promise.all(work)
  return (performance.now() - startedAt) / 1_000
}

function order(hub: MeasuredHub, what: string): Promise<unknown> {
  return hub.ask(`/v1/releases/${what}`, { method: 'POST' })
}

async function startPops(secrets: Secrets): Promise<Miniflare[]> {
  const modules = await bundleWorker()
  return Array.from({ length: popsTotal }, (_, at) => startPop(`pop-${at}`, modules, secrets))
}

/** Pushes the largest model with other weights; the champion's interval is its own, so it is not proven worse. */
async function push(hub: MeasuredHub, seed: number) {
  const { release, readyPops, reason } = await pushTo(hub, largeModel(seed))
  if (release !== null) return { release, readyPops }
  throw new Error(`the model was refused: ${reason}`)
}

/** When the hub recorded its verdict on the newest version. */
async function judgedAtMs(hub: MeasuredHub): Promise<number> {
  const { judgements } = await hub.ask<{ judgements: { at: string }[] }>('/v1/models/session-knn')
  return Date.parse(judgements[0]?.at ?? '')
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
        await wait(askEveryMs)
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
