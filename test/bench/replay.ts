import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { mean, quantile } from 'simple-statistics'
import { coverage, hitRate, ndcg, recall, reciprocalRank } from '#hub/evaluation/metrics.ts'
import { type FileSession, readSessionFile } from '#hub/evaluation/session-file.ts'
import { machine, publish } from '#hub/local/report.ts'
import { startSystem } from '#hub/local/system.ts'
import type { Training } from '#hub/retrain.ts'
import { unpackRelease } from '#shared/release.ts'
import { clusteredInterval } from './clustered-interval.ts'
import { measureInference } from './inference-times.ts'
import { type ReplayAnswer, ReplayClient, replaySite, replaySites } from './replay-client.ts'
import { scoreDifference } from './score-difference.ts'

const length = 20
const storedTimeMaxMs = 300_000
const askAgainMs = 50

interface Options {
  readonly train: string
  readonly test: string
  readonly order: 'file' | 'time'
  readonly json?: string
  readonly predictions?: string
  readonly floor?: boolean
}

/** One question that was asked over HTTP, and what the visitor then did. */
interface Asked {
  readonly sessionId: string
  readonly seen: readonly string[]
  readonly answer: ReplayAnswer
  readonly recommended: readonly string[]
  readonly next: readonly string[]
}

const options = new Command('npm run replay --')
  .description(
    'Sends real clicks through a POP, trains on the hub, and asks the POP for every next item.',
  )
  .requiredOption('--train <file>', 'tab-separated SessionId, ItemId, Time to train on')
  .requiredOption('--test <file>', 'the same, to predict')
  .addOption(
    new Option('--order <order>', 'order of the clicks within a test session')
      .choices(['file', 'time'])
      .default('file'),
  )
  .option('--json <file>', 'write the figures')
  .option('--floor', 'fail where a figure misses what clicks-serenade is known to reach')
  .option('--predictions <file>', 'write a line a prediction: rec1,rec2,…;next1,next2,…')
  .parse()
  .opts<Options>()

const startedAt = new Date()
const say = (sentence: string) =>
  console.log(`${((Date.now() - +startedAt) / 1_000).toFixed(1).padStart(6)} s  ${sentence}`)

const train = readSessions(options.train, 'file')
const test = readSessions(options.test, options.order)
const dataDir = mkdtempSync(join(tmpdir(), 'shelfedge-replay-'))
say('starting hub and POP …')
const system = await startSystem({
  ...{ dataDir, sites: replaySites, hubPort: 0, popPort: 0, retrainSeconds: 0 },
})
try {
  const client = new ReplayClient(system)
  const sent = await client.sendClicks(train, 'train')
  say(`${sent} clicks of ${train.length} sessions accepted by the POP`)
  await untilStored(client, sent)
  say('all of them are in the store, each once')
  const { training, publishToLiveSeconds } = await trainAndWatch(client)
  say(`trained and live: ${training.reason}`)
  const asked = await askAll(client, test)
  say(`${asked.length} next items asked for`)
  const { peakMb } = (await client.hub('/v1/status')) as { peakMb: { hub: number; store: number } }
  const release = readRelease(join(dataDir, 'hub'), training.digest as string)
  const figures = {
    ...quality(asked, training),
    ...decideTimes(asked),
    ...(await inferenceTimes(release, asked)),
    scoreDifferenceMax: scoreDifference(release, asked),
    releaseBytes: training.figures.releaseBytes as number,
    trainSeconds: training.figures.trainSeconds as number,
    publishToLiveSeconds,
    hubPeakMb: peakMb.hub,
    storePeakMb: peakMb.store,
  }
  const { json, predictions, floor, ...settings } = options
  publish(
    {
      command: 'npm run replay',
      startedAt: startedAt.toISOString(),
      machine: machine(),
      versions: { node: process.versions.node },
      settings,
      figures,
    },
    json,
  )
  if (floor) checkFloor(figures)
  if (predictions) writeFileSync(predictions, asked.map(lineOf).join(''))
} finally {
  await system.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

function readSessions(file: string, order: 'file' | 'time'): FileSession[] {
  const { sessions, malformed } = readSessionFile(readFileSync(file, 'utf8'), order)
  if (malformed.length > 0) console.warn(`${file}: ${malformed.length} malformed rows left out`)
  return sessions
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
  const path = `/v1/retrain?site=${replaySite}`
  const ended = client.hub(path, { method: 'POST' }) as Promise<Training>
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
async function askAll(client: ReplayClient, sessions: readonly FileSession[]): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const session of sessions) {
    for (let at = 0; at < session.itemIds.length - 1; at++) {
      const answer = await client.decide(session, at, 'test', length)
      const current = session.itemIds[at]
      const recommended = answer.items.map((item) => item.id)
      if (recommended.includes(current as string))
        throw new Error('the current item was recommended')
      asked.push({
        sessionId: session.sessionId,
        seen: session.itemIds.slice(0, at + 1),
        answer,
        recommended,
        next: session.itemIds.slice(at + 1),
      })
    }
  }
  return asked
}

function quality(asked: readonly Asked[], training: Training): Record<string, number> {
  const values = (metric: (one: Asked, length: number) => number) =>
    asked.map((one) => metric(one, length))
  const sessionIds = asked.map((one) => one.sessionId)
  const hits = clusteredInterval(values(hitRate), sessionIds)
  const ranks = clusteredInterval(values(reciprocalRank), sessionIds)
  return {
    predictions: asked.length,
    hitRate20: mean(values(hitRate)),
    hitRate20Low: hits.low,
    hitRate20High: hits.high,
    mrr20: mean(values(reciprocalRank)),
    mrr20Low: ranks.low,
    mrr20High: ranks.high,
    ndcg20: mean(values(ndcg)),
    recall20: mean(values(recall)),
    coverage20: coverage(asked, length, training.figures.items as number),
  }
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

/**
 * Serenade's published HitRate and its tuned MRR on the same predictions, the size a POP takes, and
 * the agreement of both scorers. Times are not here: they belong to the machine.
 */
function checkFloor(figures: Readonly<Record<string, number>>): void {
  const {
    hitRate20 = 0,
    mrr20 = 0,
    releaseBytes = Infinity,
    scoreDifferenceMax = Infinity,
  } = figures
  const missed = [
    hitRate20 < 0.6402 && `HitRate@20 ${hitRate20} is below 0.6402`,
    mrr20 < 0.3401 && `MRR@20 ${mrr20} is below 0.3401`,
    releaseBytes > 10_000_000 && `the release has ${releaseBytes} bytes, more than 10,000,000`,
    scoreDifferenceMax > 1e-5 && `ONNX and TypeScript differ by ${scoreDifferenceMax}`,
  ].filter((sentence) => sentence !== false)
  if (missed.length === 0) return
  console.error(missed.join('\n'))
  process.exitCode = 1
}

function lineOf({ recommended, next }: Asked): string {
  return `${recommended.join(',')};${next.join(',')}\n`
}
