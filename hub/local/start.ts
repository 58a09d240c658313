import { rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { SettingsError } from '#shared/settings.ts'
import { trainingsPath } from '../training/follow.ts'
import { ChildError } from './child.ts'
import type { Decision } from './shoppers.ts'
import { sendShoppers } from './shoppers.ts'
import { type LocalSystem, startSystem } from './system.ts'
import { watchTrainings } from './watch-trainings.ts'

const watchEveryMs = 2_000

const command = new Command('npm start --')
  .description(
    'Starts a hub and a POP on this machine, and sends synthetic shoppers to a demo site.',
  )
  .option('--data-dir <dir>', 'where everything is kept', '.data')
  .option('--hub-port <port>', 'port of the hub, 0 for any', port, 8788)
  .option('--pop-port <port>', 'port of the POP, 0 for any', port, 8787)
  .option('--events-per-second <n>', 'how busy the shop is, 0 for no shoppers', atLeast(0), 60)
  .option('--policy-dir <dir>', 'where the policies lie: demo.yaml, of the demo site', 'policies')
  .option('--retrain-seconds <n>', 'how long trainings lie apart', atLeast(1), 60)
  .option('--seed <n>', 'seed of the shop: its items, and which go together', atLeast(0), 1)

interface Options {
  readonly dataDir: string
  readonly hubPort: number
  readonly popPort: number
  readonly eventsPerSecond: number
  readonly policyDir: string
  readonly retrainSeconds: number
  readonly seed: number
}

async function main(): Promise<void> {
  const options = command.parse().opts<Options>()
  const startedAt = Date.now()
  const elapsed = () => `${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s`
  const say = (sentence: string) => console.log(`${elapsed()}  ${sentence}`)
  say('starting hub and POP …')
  const dataDir = resolve(options.dataDir)
  const system = await startSystem({
    ...options,
    dataDir,
    sites: { demo: { writeKeys: ['demo'] } },
    settings: { RETRAIN_SESSIONS_MIN: '30', POLICY_DIR: options.policyDir },
  })
  // Where `npx shelfedge` finds the hub, while there is one.
  const urlFile = join(dataDir, 'hub-url')
  await writeFile(urlFile, system.hubUrl)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say('stopping …')
      stopping.abort()
    })
  }
  introduce(system, dataDir, say)
  const died = untilOneDies(system, stopping.signal)
  void watchTrainings({
    ...{ list: () => trainingsOf(system), signal: stopping.signal },
    ...{ sinceMs: startedAt, everyMs: watchEveryMs },
    onRefused: (reason) => say(`no new release: ${firstLineOf(reason)}`),
  })
  if (options.eventsPerSecond > 0) {
    const shoppers = sendShoppers({
      ...{ popUrl: system.popUrl, writeKey: 'demo', signal: stopping.signal },
      ...{ seed: options.seed, eventsPerSecond: options.eventsPerSecond },
      onDecision: narrator(say),
      onFailure: complainer(say),
    })
    await Promise.race([shoppers, died])
  } else await died
  await system.stop()
  await rm(urlFile, { force: true })
}

function introduce({ popUrl, hubUrl }: LocalSystem, dataDir: string, say: (s: string) => void) {
  say(`POP at ${popUrl}, hub at ${hubUrl}; shoppers arrive at the site "demo"`)
  const token = `$(cat ${join(dataDir, 'admin-token')})`
  console.log(`
  Ask for a recommendation:
    curl -s -u demo: ${popUrl}/v1/decide -d '{"anonymousId":"me","placement":"product-page","limit":3,
      "events":[{"type":"track","event":"Product Viewed","messageId":"'$(date +%s)'","properties":{"product_id":"item-0001"}}]}'
  Ask the store:
    curl -s -H "authorization: Bearer ${token}" ${hubUrl}/v1/query \\
      -d "SELECT event, count() AS events, uniq(visitor) AS visitors FROM events_once WHERE type = 'track' GROUP BY event ORDER BY events DESC"
  Logs are in ${join(dataDir, 'hub.log')} and ${join(dataDir, 'pop.log')}. Ctrl-C stops everything.
`)
}

async function trainingsOf({ hubUrl, secrets }: LocalSystem) {
  const headers = { authorization: `Bearer ${secrets.adminToken}` }
  const response = await fetch(`${hubUrl}${trainingsPath}?site=demo`, { headers })
  return response.ok ? ((await response.json()) as never) : []
}

/** A policy may have many mistakes; the terminal is for one. */
function firstLineOf(reason: string): string {
  const [first = '', ...others] = reason.split('\n')
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return `${first}${more}; what is live stays. More: npx shelfedge trainings`
}

/** Tells why shoppers are not served: of a placement that the policy has not once, of all else once a second at most. */
function complainer(say: (sentence: string) => void): (reason: string, code: string) => void {
  const sayAtTimes = atMostOnceASecond((reason) => say(`a shopper was not served: ${reason}`))
  const missing = new Set<string>()
  return (reason, code) => {
    if (code !== 'unknown_placement') return sayAtTimes(reason)
    if (missing.has(reason)) return
    missing.add(reason)
    say(`the shoppers ask for product-page, which the live policy has not: ${reason}`)
  }
}

/** Tells of the first answer, and of every release that begins to answer. */
function narrator(say: (sentence: string) => void): (decision: Decision) => void {
  const releases = new Set<string | null>()
  return (decision) => {
    if (decision.fallback !== null && decision.fallback !== 'no_release') return
    if (releases.has(decision.release)) return
    const isFirst = [...releases].every((release) => release === null)
    releases.add(decision.release)
    const items = decision.items.slice(0, 3).map(({ id, name }) => name ?? id)
    if (decision.release === null) say('first answer, without a model yet: what is popular so far')
    else {
      const which = isFirst
        ? 'first recommendation by a model trained here'
        : 'the next model answers'
      say(`${which}, release ${decision.release.slice(0, 12)}: ${items.join(', ')}`)
    }
  }
}

async function untilOneDies({ hub, pop }: LocalSystem, signal: AbortSignal): Promise<void> {
  const ends = [hub, pop].map(
    (child) => new Promise<string>((ended) => child.process.once('exit', () => ended(child.name))),
  )
  const stopped = new Promise<null>((done) => signal.addEventListener('abort', () => done(null)))
  const name = await Promise.race([...ends, stopped])
  if (name !== null && !signal.aborted) {
    process.exitCode = 1
    console.error(`The ${name} ended; its log says why.`)
  }
}

function atMostOnceASecond(say: (reason: string) => void): (reason: string) => void {
  let saidAt = 0
  return (reason) => {
    if (Date.now() - saidAt < 1_000) return
    saidAt = Date.now()
    say(reason)
  }
}

function port(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new InvalidArgumentError('0 to 65535')
}

function atLeast(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isFinite(value) && value >= min) return value
    throw new InvalidArgumentError(`${min} or more`)
  }
}

try {
  await main()
} catch (cause) {
  // What a person can do something about is said in a sentence; a bug shows its stack.
  console.error(
    cause instanceof SettingsError || cause instanceof ChildError ? cause.message : cause,
  )
  process.exitCode = 1
}
process.exit()
