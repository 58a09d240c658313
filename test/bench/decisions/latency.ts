import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { quantile } from 'simple-statistics'
import { pushRelease } from '#hub/publishing/push.ts'
import { askedTexts } from '#hub/training/sentiment/shipped.ts'
import { buildForecastModel } from '#models/anomaly/graph.ts'
import { buildSegmentsModel } from '#models/segments/graph.ts'
import type { TabularModel } from '#shared/model.ts'
import type { Policy } from '#shared/policy.ts'
import { type Manifest, packRelease } from '#shared/release.ts'
import { recentMax } from '#shared/stream/anomaly.ts'
import { windowColumns, windowReading } from '#shared/stream/forecast.ts'
import { startBoxPop } from '#test/support/box-pop.ts'
import { rawEvent } from '#test/support/events.ts'
import { releasePrivateKeyHex } from '#test/support/keys.ts'
import { smallRelease } from '#test/support/release.ts'

const roundsTotal = 400
const visitorsTotal = 20
/** A model of a stream is asked once there are as many readings as it looks at. */
const readingsBefore = recentMax
const readingMs = 3_600_000
const warmUpRounds = 60
const event = { amount: 'double', pulse: 'double' } as const
/** Of what a learned model of segments reads here. */
const features: TabularModel['features'] = [
  { name: 'views', from: 'session.views', type: 'number', imputed: 0 },
  { name: 'events', from: 'totals.events30d', type: 'number', imputed: 0 },
]

/** A placement of each kind, with a few rules: what a decision costs beside the platform. */
const placements: Policy['placements'] = {
  offer: {
    kind: 'offer',
    offers: [{ name: 'ten', when: 'session.views >= 1', terms: { percent: 10 } }],
  },
  price: {
    ...{
      kind: 'price',
      event,
      base: 'event.amount',
      subject: 'current.id',
      floor: 1,
      ceiling: 900,
    },
    ...{ step: 0.05, heldMs: 60_000, change: { shareMax: 0.1, perMs: 60_000 } },
    rules: [{ name: 'evening', effect: 'factor', by: '1.1', when: 'time.hour > 17' }],
  },
  verdict: {
    ...{ kind: 'verdict', event, unsure: 'review' },
    rules: [
      { name: 'large', verdict: 'block', when: 'event.amount > 900.0' },
      { name: 'fast', verdict: 'review', when: 'totals.events1m > 50' },
    ],
  },
  alert: {
    ...{ kind: 'alert', event },
    levels: [{ severity: 'high', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' }],
  },
  segment: { kind: 'segment', model: 'kinds-of-visitors', otherwise: 'unknown' },
  sentiment: {
    ...{ kind: 'verdict', model: 'sentiment', text: 'event.message', unsure: 'review' },
    rules: [{ name: 'angry', verdict: 'review', when: 'score < -0.5' }],
  },
  stream: {
    ...{ kind: 'alert', model: 'pulse' },
    levels: [{ severity: 'unusual', on: 'score > 1.0', off: 'score < 0.5' }],
  },
}

/** What a hub would have learned for them; what a model says does not change how long it takes. */
const learnings: Policy['models'] = {
  'kinds-of-visitors': {
    ...{ learns: 'segments', after: ['Product Viewed'], features: [...features] },
    ...{ segmentsMin: 2, segmentsMax: 4 },
  },
  pulse: { learns: 'stream', after: ['Product Viewed'], from: 'event.pulse' },
}
const segmentNames = ['few', 'some', 'many', 'most']
const declared: Manifest['models'] = {
  'kinds-of-visitors': {
    ...{ family: 'tabular', inputs: ['features'], outputs: ['score'], scoreAt: 0, features },
    segments: segmentNames.map((name) => ({ name, says: name })),
  },
  pulse: {
    ...{ family: 'forecast', inputs: ['window'], outputs: ['foretold'] },
    ...{ from: 'event.pulse', reading: windowReading },
  },
}
const models = {
  'kinds-of-visitors': buildSegmentsModel({
    ...{ centres: Float32Array.of(1, 1), scales: Float32Array.of(1, 1) },
    centroids: Float32Array.from(segmentNames.flatMap((_, at) => [at - 1, at - 1])),
  }),
  pulse: buildForecastModel({
    weights: new Float32Array(windowColumns).fill(1 / windowColumns),
    bias: Float32Array.of(0),
  }),
}

/**
 * One question after the other over HTTP, of every kind and of an empty worker in turn, each with one event that
 * is durable before the answer: on a disk that syncs slowly it is the disk that is measured.
 */
export async function latencyFigures(): Promise<Record<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-decisions-'))
  const empty = new Miniflare(
    convertV4MiniflareOptions({
      ...{ host: '127.0.0.1', port: 0, modules: true, compatibilityDate: '2026-10-01' },
      script:
        'export default { async fetch(request) { await request.text(); return new Response("{}") } }',
    }),
  )
  const pop = await startBoxPop(directory)
  try {
    await pushTo(pop.url)
    await bringReadings(pop.url)
    const emptyUrl = (await empty.ready).href
    return figuresOf(await measured(emptyUrl, pop.url))
  } finally {
    await empty.dispose()
    await pop.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Which placement each figure asks. */
const asked: Readonly<Record<string, string>> = {
  recommend: 'product-page',
  ...Object.fromEntries(Object.keys(placements).map((name) => [name, name])),
}
const names = ['emptyWorker', ...Object.keys(asked)]
type Times = Map<string, number[]>

async function measured(emptyUrl: string, popUrl: string): Promise<Times> {
  const times: Times = new Map()
  for (let round = 0; round < warmUpRounds + roundsTotal; round++) {
    const take = async (name: string, url: string, placement: string) => {
      const body = JSON.stringify(questionOf(placement, round))
      const before = performance.now()
      const response = await fetch(url, { method: 'POST', headers, body })
      const text = await response.text()
      const tookMs = performance.now() - before
      if (!response.ok) throw new Error(`${name}: ${response.status}`)
      if (JSON.parse(text).fallback) throw new Error(`${name} was answered without its model`)
      if (round >= warmUpRounds) times.set(name, [...(times.get(name) ?? []), tookMs])
    }
    // Each comes first in its turn: one that always followed the same other would pay for what that left behind.
    const turn = round % names.length
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const placement = asked[name]
      if (placement === undefined) await take(name, emptyUrl, 'empty')
      else await take(name, `${popUrl}/v1/decide`, placement)
    }
  }
  return times
}

const headers = { authorization: `Basic ${btoa('demo:')}` }

function questionOf(placement: string, round: number) {
  const anonymousId = `visitor-${round % visitorsTotal}`
  const properties = {
    ...{ product_id: `item-${round % 6}`, amount: 100, pulse: 90 + (round % 30) },
    message: 'It came late, and the box was not what I had hoped for :(',
  }
  const messageId = `${placement}-${round}`
  return { anonymousId, placement, events: [rawEvent({ messageId, anonymousId, properties })] }
}

/** What a model of a stream looks back on. */
async function bringReadings(popUrl: string): Promise<void> {
  for (let visitor = 0; visitor < visitorsTotal; visitor++) {
    const anonymousId = `visitor-${visitor}`
    const events = Array.from({ length: readingsBefore }, (_, at) =>
      rawEvent({
        ...{ messageId: `before-${visitor}-${at}`, anonymousId },
        timestamp: new Date(Date.now() - (readingsBefore - at) * readingMs).toISOString(),
        properties: { pulse: 90 + at },
      }),
    )
    const body = JSON.stringify({ anonymousId, placement: 'stream', events })
    const response = await fetch(`${popUrl}/v1/decide`, { method: 'POST', headers, body })
    if (!response.ok) throw new Error(`readings: ${response.status} ${await response.text()}`)
  }
}

function figuresOf(times: Times): Record<string, number> {
  const figures = [...times].flatMap(([name, values]) => [
    [`${name}P50Ms`, quantile(values, 0.5)] as const,
    [`${name}P99Ms`, quantile(values, 0.99)] as const,
  ])
  return { decisionSamples: roundsTotal, ...Object.fromEntries(figures) }
}

async function pushTo(popUrl: string): Promise<void> {
  const release = smallRelease({
    sessions: [
      [0, 1, 2],
      [0, 2, 3],
      [1, 4, 5],
    ],
    itemsTotal: 6,
  })
  const policy = {
    ...release.policy,
    ...{ models: learnings, placements: { ...release.policy.placements, ...placements } },
  }
  const texts = askedTexts(policy)
  const manifest = {
    ...release.manifest,
    models: { ...release.manifest.models, ...declared, ...texts.declared },
  }
  const { digest, bytes } = await packRelease({
    ...{ ...release, policy, manifest },
    models: { ...release.models, ...models, ...texts.bytes },
  })
  const der = Buffer.from(releasePrivateKeyHex, 'hex')
  const key = await crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign'])
  const signature = { key, now: () => Date.now(), newId: () => crypto.randomUUID() }
  await pushRelease(popUrl, 'demo', { digest, bytes: async () => bytes, use: 'live' }, signature)
}
