import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { bundleWorker } from '#edge/box/bundle.ts'
import { publicKeyHexOf } from '#hub/release-key.ts'
import { eventRecord, signedIngest } from '../../support/hub.ts'
import { loadSite } from '../deliveries.ts'
import { type MeasuredHub, startMeasuredHub } from '../measured-hub.ts'
import { portToKeep, type RacingPop, startPop } from './offer-pops.ts'

const popsTotal = 50
const issuesMax = 1_000
const visitorsPerPop = 40
const visitorsAtOncePerPop = 4
/** POPs that are killed when so many codes are out; the first of them come back over their files. */
const killedTotal = 10
const startedAgainTotal = 5
const killAtCodes = 300
const triesMax = 10
const askAgainMs = 500
const sessionsTotal = 40
const timeMaxMs = 180_000

const policy = `placements:
  welcome:
    kind: offer
    offers:
      - name: ten
        terms: { percent: 10 }
        budget: { id: race, issuesMax: ${issuesMax} }
        code: { from: generated, prefix: R- }
        perVisitor: 1
`

interface Answer {
  readonly code: string | null
  readonly reason: string | null
}

/** What visitors were answered, by visitor; every answer of one that asked twice. */
type Answers = Map<string, Answer[]>

/**
 * Fifty POPs, each a workerd of its own on this machine, and a hub race for a budget that half of their visitors can
 * have of. In the middle of it some POPs are killed. What is counted is what visitors were answered.
 */
export async function offerFigures(): Promise<Record<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-offers-'))
  const [popSecret, releasePrivateKey] = [secret(), secret()]
  const policies = join(directory, 'policies')
  await mkdir(policies)
  await writeFile(join(policies, `${loadSite}.yaml`), policy)
  const ports: number[] = []
  for (let at = 0; at < popsTotal; at++) ports.push(await portToKeep(ports))
  const hub = await startMeasuredHub({
    ...{ POP_SECRET: popSecret, RELEASE_PRIVATE_KEY: releasePrivateKey, POLICY_DIR: policies },
    ...{ RETRAIN_SESSIONS_MIN: '20' },
    POP_URLS: JSON.stringify(ports.map((port) => `http://127.0.0.1:${port}`)),
  })
  const pops: RacingPop[] = []
  try {
    const modules = await bundleWorker()
    const bindings = {
      SITES: JSON.stringify({ [loadSite]: { writeKeys: [loadSite] } }),
      // Nothing but leases is asked of the hub in the time this takes.
      ...{
        HUB_URL: hub.url,
        POP_SECRET: popSecret,
        VISITOR_SHARDS: '1',
        FORWARD_DELAY_MS: '60000',
      },
      RELEASE_PUBLIC_KEY: publicKeyHexOf(releasePrivateKey),
    }
    for (const [at, port] of ports.entries()) {
      pops.push(await startPop(`pop-${at}`, port, { directory, bindings, modules }))
    }
    await publish(hub, popSecret)
    await Promise.all(pops.map(({ url }) => untilItOffers(url)))
    const startedAt = performance.now()
    const answers = await race(pops)
    const raceSeconds = (performance.now() - startedAt) / 1_000
    return { ...figuresOf(answers), offerRaceSeconds: raceSeconds, ...(await leftAt(hub)) }
  } finally {
    await hub.remove()
    await Promise.all(pops.map((pop) => pop.dispose()))
    await rm(directory, { recursive: true, force: true })
  }
}

/** Trains on a few sessions, so that a release comes about as every release does, with the policy in it. */
async function publish(hub: MeasuredHub, popSecret: string): Promise<void> {
  const at = Date.now() - 60_000
  const batches = Array.from({ length: sessionsTotal }, (_, session) => ({
    ...{ site: loadSite, visitor: `a:${session}`, epoch: 1, sequence: 1 },
    records: [0, 1, 2].map((step) =>
      eventRecord(`${session} ${step}`, {
        ...{ anonymousId: `${session}`, items: [`item-${(session + step) % 9}`] },
        ...{ timestamp: at + step, originalTimestamp: at + step, receivedAt: at + step },
      }),
    ),
  }))
  const delivery = { pop: 'bench', region: 'here', batches }
  const sent = await fetch(
    `${hub.url}/v1/ingest`,
    await signedIngest(delivery, { secret: popSecret }),
  )
  if (!sent.ok) throw new Error(`ingest answered ${await sent.text()}`)
  await until('the sessions are stored', async () => {
    const [row] = await hub.query<{ total: number }>('SELECT count() AS total FROM events_once')
    return Number(row?.total) >= sessionsTotal * 3
  })
  const { outcome, reason } = await hub.train()
  if (outcome !== 'published') throw new Error(`the training was ${outcome}: ${reason}`)
}

/** Asks for a placement that the default policy has and this one has not, so that nothing of the budget is taken. */
function untilItOffers(url: string): Promise<void> {
  const address = `${url}/v1/recommendations?writeKey=${loadSite}&anonymousId=probe`
  return until(`${url} has the release`, async () => {
    const response = await fetch(address).catch(() => null)
    const body = (await response?.json().catch(() => null)) as { error?: string } | null
    return body?.error === 'unknown_placement'
  })
}

async function race(pops: readonly RacingPop[]): Promise<Answers> {
  const answers: Answers = new Map()
  const codes = () => [...answers.values()].flat().filter(({ code }) => code !== null).length
  const ended = pops.slice(startedAgainTotal, killedTotal)
  const gone = new Set<RacingPop>()
  const killing = until('enough codes are out', async () => codes() >= killAtCodes, 5).then(
    async () => {
      for (const pop of pops.slice(0, startedAgainTotal)) pop.kill()
      for (const pop of ended) gone.add(pop)
      await Promise.all(ended.map((pop) => pop.end()))
    },
  )
  const ask = async (pop: RacingPop, visitor: string) => {
    // Where the hub was too slow for a visitor it comes again, as it does where the POP was just killed.
    for (let tries = 0; tries < triesMax; tries++) {
      const answer = await decide(pop.url, visitor).catch(() => null)
      if (answer) answers.set(visitor, [...(answers.get(visitor) ?? []), answer])
      if (answer ? answer.reason !== 'budget_unknown' : gone.has(pop)) return
      await wait(askAgainMs)
    }
  }
  const round = (asked: readonly RacingPop[]) =>
    Promise.all(asked.map((pop) => crowd(pops.indexOf(pop), (visitor) => ask(pop, visitor))))
  await Promise.all([killing, round(pops)])
  // Everybody asks once more, and has to be answered the same.
  await round(pops.filter((pop) => !ended.includes(pop)))
  return answers
}

/** The visitors of one POP, a few at once. */
async function crowd(pop: number, ask: (visitor: string) => Promise<unknown>): Promise<void> {
  const waiting = Array.from({ length: visitorsPerPop }, (_, at) => `visitor-${pop}-${at}`)
  const one = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await ask(next)
  }
  await Promise.all(Array.from({ length: visitorsAtOncePerPop }, one))
}

async function decide(url: string, anonymousId: string): Promise<Answer> {
  const response = await fetch(`${url}/v1/decide`, {
    ...{ method: 'POST', headers: { authorization: `Basic ${btoa(`${loadSite}:`)}` } },
    body: JSON.stringify({ anonymousId, placement: 'welcome' }),
    signal: AbortSignal.timeout(30_000),
  })
  if (!response.ok) throw new Error(`${response.status}`)
  return ((await response.json()) as { answer: Answer }).answer
}

/** A code of two visitors is over-issued, a visitor's second code is, and every one past the budget. */
function figuresOf(answers: Answers): Record<string, number> {
  const owners = new Map<string, Set<string>>()
  let reasonless = 0
  let unknown = 0
  for (const [visitor, all] of answers) {
    for (const { code, reason } of all) {
      if (code !== null) owners.set(code, (owners.get(code) ?? new Set()).add(visitor))
      else if (reason === 'budget_unknown') unknown++
      else if (reason === null) reasonless++
    }
  }
  const shared = [...owners.values()].reduce((sum, { size }) => sum + size - 1, 0)
  const second = owners.size - new Set([...owners.values()].flatMap((set) => [...set])).size
  return {
    offersBudget: issuesMax,
    offerPops: popsTotal,
    offerPopsKilled: killedTotal,
    offerVisitors: popsTotal * visitorsPerPop,
    offersIssued: owners.size,
    offersStranded: issuesMax - owners.size,
    offersOverIssued: Math.max(0, owners.size - issuesMax) + shared + Math.max(0, second),
    offersWithoutReason: reasonless,
    offersBudgetUnknown: unknown,
  }
}

/** What the hub counts: what POPs hold, and what was lost with those that did not come back. */
async function leftAt(hub: MeasuredHub): Promise<Record<string, number>> {
  const [row] = await hub.ask<{ granted: number; left: number }[]>(`/v1/offers?site=${loadSite}`)
  return { offersGrantedByHub: row?.granted ?? 0, offersLeftAtHub: row?.left ?? 0 }
}

async function until(what: string, isSo: () => Promise<boolean>, everyMs = 100): Promise<void> {
  const deadline = performance.now() + timeMaxMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it never came about that ${what}`)
    await wait(everyMs)
  }
}

function secret(): string {
  return randomBytes(32).toString('hex')
}
