import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { quantile } from 'simple-statistics'
import type { FileSession } from '#hub/evaluation/session-file.ts'
import { startSystem } from '#hub/local/system.ts'
import { trainAndFollow } from '#hub/training/follow.ts'
import { unpackRelease } from '#shared/release.ts'
import { measureInference } from './inference-times.ts'
import {
  type AskedClicks,
  type ReplayAnswer,
  ReplayClient,
  replaySite,
  replaySites,
} from './replay-client.ts'
import { qualityFigures, type Replayed, replayLength } from './replay-figures.ts'
import { scoreDifference } from './score-difference.ts'

const storedTimeMaxMs = 300_000
const askAgainMs = 50
/** The default policy without its rule on the newest item. */
const policyWithCurrent = `placements:
  product-page: { kind: items, model: session-knn, itemsMax: ${replayLength}, rules: [] }
`

/** A session that is asked about: before each of its items but the first, or only before its last. */
export interface AskedSession extends AskedClicks {
  readonly onlyLast: boolean
}

export interface LiveReplay {
  readonly train: readonly FileSession[]
  readonly test: readonly AskedSession[]
  readonly includesCurrent: boolean
  readonly say: (sentence: string) => void
}

/** One question that was asked over HTTP, and what the visitor then did. */
interface Asked extends Replayed {
  readonly seen: readonly string[]
  readonly answer: ReplayAnswer
}

/** Sends clicks through a POP, trains on the hub, and asks the POP over HTTP for every next item. */
export async function replayLive({ train, test, includesCurrent, say }: LiveReplay) {
  const dataDir = mkdtempSync(join(tmpdir(), 'shelfedge-replay-'))
  say('starting hub and POP …')
  const policyDir = join(dataDir, 'policies')
  mkdirSync(policyDir)
  if (includesCurrent) writeFileSync(join(policyDir, `${replaySite}.yaml`), policyWithCurrent)
  const system = await startSystem({
    ...{ dataDir, sites: replaySites, hubPort: 0, popPort: 0, retrainSeconds: 0 },
    settings: { POLICY_DIR: policyDir },
  })
  try {
    const client = new ReplayClient(system)
    const sent = await client.sendClicks(train, 'train')
    say(`${sent} clicks of ${train.length} sessions accepted by the POP`)
    await untilStored(client, sent)
    say('all of them are in the store, each once')
    const { training, publishToLiveSeconds } = await trainAndWatch(client)
    say(`trained and live: ${training.reason}`)
    const asked = await askAll(client, test, includesCurrent)
    say(`${asked.length} next items asked for`)
    const { peakMb } = (await client.hub('/v1/status')) as {
      peakMb: { hub: number; store: number }
    }
    const release = readRelease(join(dataDir, 'hub'), training.digest as string)
    const figures = {
      ...qualityFigures(asked, training.figures.items as number),
      ...decideTimes(asked),
      ...(await inferenceTimes(release, asked)),
      scoreDifferenceMax: scoreDifference(release, asked),
      releaseBytes: training.figures.releaseBytes as number,
      trainSeconds: training.figures.trainSeconds as number,
      publishToLiveSeconds,
      hubPeakMb: peakMb.hub,
      storePeakMb: peakMb.store,
    }
    return { replayed: asked, figures }
  } finally {
    await system.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function untilStored(client: ReplayClient, events: number): Promise<void> {
  const sql = `SELECT toUInt32(count()) AS stored FROM events_once WHERE site = '${replaySite}'`
  const giveUpAt = Date.now() + storedTimeMaxMs
  for (;;) {
    const [row] = await client.query<{ stored: number }>(sql)
    if (row?.stored === events) return
    if (Date.now() > giveUpAt) throw new Error(`${row?.stored} of ${events} clicks are stored`)
    await wait(askAgainMs * 4)
  }
}

/** Trains on demand while asking the POP which release answers: from the tag's move to the first answer by it. */
async function trainAndWatch(client: ReplayClient) {
  let liveAt: number | null = null
  const ended = trainAndFollow(
    <Answer>(method: string, path: string) => client.hub(path, { method }) as Promise<Answer>,
    replaySite,
  )
  let isOver = false
  const watched = (async () => {
    while (!isOver || liveAt === null) {
      if ((await client.liveRelease()) !== null) liveAt ??= Date.now()
      await wait(askAgainMs)
    }
  })()
  const training = await ended
  if (training.outcome !== 'published') throw new Error(`${training.outcome}: ${training.reason}`)
  isOver = true
  await watched
  const [move] = (await client.hub(`/v1/history?site=${replaySite}`)) as { at: string }[]
  const publishedAt = +new Date(move?.at ?? Number.NaN)
  return { training, publishToLiveSeconds: ((liveAt ?? Number.NaN) - publishedAt) / 1_000 }
}

/** Every session by itself, one request after the other: each answer has seen the clicks before it and no later one. */
async function askAll(
  client: ReplayClient,
  sessions: readonly AskedSession[],
  includesCurrent: boolean,
): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const session of sessions) {
    const { itemIds, sessionId, onlyLast } = session
    const first = onlyLast ? itemIds.length - 2 : 0
    for (let at = first; at < itemIds.length - 1; at++) {
      // The first request brings all that came before it.
      const answer = await client.decide(session, at === first ? 0 : at, at, replayLength)
      const current = itemIds[at] as string
      const recommended = answer.items.map((item) => item.id)
      if (!includesCurrent && recommended.includes(current))
        throw new Error('the current item was recommended')
      const [seen, next] = [itemIds.slice(0, at + 1), itemIds.slice(at + 1)]
      asked.push({ sessionId, seen, answer, recommended, next })
    }
  }
  return asked
}

function readRelease(hubDir: string, digest: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(hubDir, 'releases', digest.slice(0, 2), digest)))
}

function decideTimes(asked: readonly Asked[]): Record<string, number> {
  const decide = asked.map(({ answer }) => answer.decideMs)
  return {
    decideP50Ms: quantile(decide, 0.5),
    decideP90Ms: quantile(decide, 0.9),
    decideP99Ms: quantile(decide, 0.99),
  }
}

async function inferenceTimes(release: Uint8Array<ArrayBuffer>, asked: readonly Asked[]) {
  const { catalogue } = unpackRelease(release)
  const numbers = new Map(catalogue.items.map(({ id }, number) => [id, number]))
  // A session of items nobody ever saw is answered by popularity, without inference.
  const sessions = asked
    .filter(({ answer }) => answer.fallback === null)
    .map(({ seen }) => seen.flatMap((id) => numbers.get(id) ?? []))
  const inferenceMs = await measureInference(release, sessions)
  return {
    inferenceP50Ms: quantile(inferenceMs, 0.5),
    inferenceP99Ms: quantile(inferenceMs, 0.99),
    inferences: inferenceMs.length,
  }
}
