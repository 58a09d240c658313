import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { promote } from '#hub/publishing/tags.ts'
import { Schedule } from '#hub/schedule.ts'
import { unpackRelease } from '#shared/release.ts'
import { minuteMs } from '#test/support/events.ts'
import { goodModel, hostileModels, promised } from '#test/support/hostile-models.ts'
import { adminToken, openTestHub, type TestHub } from '#test/support/hub.ts'

let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub()
  app = hubApp(hub.environment, new Schedule(hub.environment))
}, 60_000)
afterAll(() => hub?.close())

const example = (file: string) =>
  new Uint8Array(readFileSync(new URL(`../../support/bring-your-own/${file}`, import.meta.url)))
const declarationOf = (file: string) => new TextDecoder().decode(example(file))
const promisedDeclaration = JSON.stringify({
  ...{ family: 'sequence', itemsMax: promised.itemsMax, candidates: promised.candidates },
  vocabulary: Array.from({ length: promised.itemsTotal }, (_, at) => `item-${at}`),
})

function taughtUntil(timeMs: number): string {
  const trainedUntil = new Date(timeMs).toISOString()
  return JSON.stringify({ ...JSON.parse(promisedDeclaration), trainedUntil })
}

async function push(
  model: Uint8Array<ArrayBuffer>,
  declaration: string,
  { name = 'session-knn', withoutComparison = false } = {},
) {
  const form = new FormData()
  if (withoutComparison) form.set('withoutComparison', 'true')
  form.set('name', name)
  form.set('declaration', declaration)
  form.set('why', 'a try')
  form.set('model', new File([model], 'model.onnx'))
  const headers = { authorization: `Bearer ${adminToken}` }
  const response = await app.request('/v1/models', { method: 'POST', body: form, headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

let inserted = 0
/** Sessions through chains a, b, c of the example, in the hour to come: nobody has learned from them. */
function insertChains(visitors: number, first = 0): Promise<void> {
  const numbers = Array.from({ length: visitors }, (_, at) => first + at)
  const rows = numbers.flatMap((visitor) =>
    ['a', 'b', 'c'].map((step, at) => ({
      ...{ site: 'shop', visitor: `v${visitor}`, message_id: `row ${++inserted}`, type: 'track' },
      event: 'Product Viewed',
      timestamp: new Date(Date.now() + (at + 1) * minuteMs).toISOString(),
      ...{ session: 's', epoch: 1, sequence: at, position: 0, bot: false },
      items: [`chain-${visitor % 8}-${step}`],
      ...{ properties: '{}', context: '{}', traits: '{}' },
    })),
  )
  return hub.environment.store.insert('events', rows, `chains ${inserted}`)
}

it('hostile models are refused with a code and a sentence, nothing goes live, and the hub goes on', async () => {
  const kinds = ['an endless Loop', 'a Git LFS pointer', 'weights that are not numbers', 'noise']
  for (const { what, code, bytes } of hostileModels.filter((each) => kinds.includes(each.what))) {
    const answer = await push(new Uint8Array(bytes()), promisedDeclaration)
    expect(answer, what).toMatchObject({
      status: 422,
      body: { accepted: false, code, release: null },
    })
  }
  const tooLarge = await push(new Uint8Array(30_000_000), promisedDeclaration)
  expect(tooLarge).toMatchObject({ status: 413, body: { error: 'body_too_large' } })
  const { registry } = hub.environment
  expect(await registry.history('shop', 10)).toEqual([])
  expect(await registry.releases('shop', 10)).toEqual([])
  expect((await app.request('/healthz')).status).toBe(200)
  expect(await registry.modelJudgements('shop', 'session-knn', 1)).toMatchObject([
    { passed: false, what: 'file', reason: expect.stringMatching(/\.$/) },
  ])
  const { vocabulary: _, ...kept } = JSON.parse(promisedDeclaration)
  expect((await registry.models('shop', null, 1))[0]?.declaration).toEqual({
    ...kept,
    itemsTotal: promised.itemsTotal,
  })
}, 120_000)

it('a model is pushed, goes live, and the next one is compared with it on what came since', async () => {
  const gru = await push(example('gru.onnx'), declarationOf('gru.json'))
  expect(gru).toMatchObject({ status: 200, body: { accepted: true, code: null } })
  const { registry, blobs } = hub.environment
  const release = gru.body.release as string
  expect(await registry.tag('shop', 'live')).toBeNull()
  await promote(release, { site: 'shop', by: 'test', why: 'first' }, hub.environment)
  const parts = unpackRelease(new Uint8Array((await blobs.get(release)) as Uint8Array))
  expect(parts.manifest.models).toMatchObject({ 'session-knn': { family: 'sequence' } })
  expect(parts.catalogue.items[3]).toEqual({ id: 'chain-1-a' })

  await insertChains(99)
  const tooFew = await push(example('gru.onnx'), declarationOf('gru.json'))
  expect(tooFew).toMatchObject({
    status: 422,
    body: { accepted: false, compared: false, code: 'too_few_to_compare', release: null },
  })
  expect(tooFew.body.reason).toBe(
    'there are 198 predictions to compare it with what is live by, 200 are needed; push it again when more visitors have come, or without a comparison',
  )
  await insertChains(1, 99)
  const worse = { withoutComparison: true }
  const constant = await push(new Uint8Array(goodModel()), taughtUntil(Date.now()), worse)
  expect(constant).toMatchObject({
    status: 422,
    body: { accepted: false, code: 'worse_than_live', release: null },
  })
  expect(constant.body.figures).toMatchObject({
    ...{ predictions: 200, championHitRate20: 1, challengerHitRate20: 0 },
    ...{ mrr20DifferenceLow: expect.any(Number), challengerMrr20NewVisitors: 0 },
  })
  const same = await push(example('gru.onnx'), declarationOf('gru.json'))
  expect(same.body).toMatchObject({ accepted: true, version: expect.any(Number) })
  expect(same.body).toMatchObject({
    compared: true,
    figures: { mrr20Difference: 0, mrr20DifferenceHigh: 0 },
  })
  const untilNow = [new Uint8Array(goodModel()), taughtUntil(Date.now() + 4 * minuteMs)] as const
  expect((await push(...untilNow)).body).toMatchObject({ code: 'too_few_to_compare' })
  const unjudged = await push(...untilNow, { withoutComparison: true })
  expect(unjudged.body).toMatchObject({
    ...{ accepted: true, compared: false, figures: { predictions: 0 } },
    reason: expect.stringContaining('to be tried without a comparison: there are 0 predictions'),
  })
  expect(await registry.modelJudgements('shop', 'session-knn', 1)).toMatchObject([
    { what: 'file', passed: true },
  ])
}, 120_000)

it('a model that scores features joins what is live', async () => {
  const trees = await push(example('trees.onnx'), declarationOf('trees.json'), { name: 'will-buy' })
  expect(trees).toMatchObject({ status: 200, body: { accepted: true, name: 'will-buy' } })
  const bytes = await hub.environment.blobs.get(trees.body.release as string)
  const { manifest } = unpackRelease(new Uint8Array(bytes as Uint8Array))
  expect(Object.keys(manifest.models).sort()).toEqual(['session-knn', 'will-buy'])
}, 60_000)

it('while two pushes have the turns nothing of a third is read, and a turn comes back', async () => {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'multipart/form-data' }
  const send = (body: ReadableStream) =>
    app.request('/v1/models', { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
  /** A body of which nothing comes until it breaks off; `asked` is when the hub reads of it. */
  const slow = () => {
    const [asked, broken] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()]
    const pull = () => {
      asked.resolve()
      return broken.promise
    }
    const answer = send(new ReadableStream({ pull }, { highWaterMark: 0 }))
    const breakOff = () => broken.reject(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
    return { answer, asked: asked.promise, breakOff }
  }
  const slowOnes = [slow(), slow()]
  await Promise.all(slowOnes.map(({ asked }) => asked))
  let bytesAsked = 0
  const third = new ReadableStream({ pull: () => void bytesAsked++ }, { highWaterMark: 0 })
  const refused = await send(third)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('10')
  expect(await refused.json()).toMatchObject({ error: 'judge_busy' })
  expect(bytesAsked).toBe(0)
  for (const { answer, breakOff } of slowOnes) {
    breakOff()
    await answer
  }
  expect(await push(new Uint8Array(1), 'so what')).toMatchObject({ status: 400 })
})

it.each([
  ['a declaration that is no JSON', 'so what', /not JSON/],
  ['a vocabulary that names an item twice', '', /vocabulary: each item once/],
  [
    'to judge by what is to come alone',
    taughtUntil(Date.UTC(2999, 0)),
    /^declaration\.trainedUntil: 2999-01-01T00:00:00\.000Z has not come yet/,
  ],
])('refuses %s', async (_what, text, sentence) => {
  const twice = JSON.stringify({ ...JSON.parse(promisedDeclaration), vocabulary: ['a', 'a'] })
  const answer = await push(new Uint8Array(goodModel()), text || twice)
  expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_declaration' } })
  expect(answer.body.detail).toMatch(sentence)
})
