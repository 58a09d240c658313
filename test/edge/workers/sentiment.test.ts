import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildTextModel } from '#models/sentiment/graph.ts'
import { defaultSentimentSettings, trainSentiment } from '#models/sentiment/train.ts'
import type { Placement } from '#shared/policy.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { textReading } from '#shared/text/read-text.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, send, sendBatch } from './pop.ts'

const file = buildTextModel(
  trainSentiment(
    [
      { text: 'lovely and quick', rating: 3, weight: 1 },
      { text: 'broken and slow', rating: -3, weight: 1 },
      { text: 'a box', rating: 0, weight: 1 },
    ],
    new Map([
      ['lovely', 3],
      ['broken', -3],
    ]),
    defaultSentimentSettings,
  ),
)
const placements: Record<string, Placement> = {
  review: {
    ...{ kind: 'verdict', model: 'sentiment', text: 'event.review_body', unsure: 'review' },
    rules: [{ name: 'angry', verdict: 'block', when: 'score < -0.3', reason: 'an angry review' }],
  },
  chat: {
    ...{ kind: 'alert', model: 'sentiment', on: ['Message Sent'] },
    levels: [{ severity: 'unhappy', on: 'score < -0.3', off: 'score > 0.0' }],
  },
  mood: {
    ...{ kind: 'segment', model: 'sentiment', text: 'context.said', otherwise: 'calm' },
    segments: [{ name: 'pleased', when: 'score > 0.3' }],
  },
}

function parts(changes: object = {}): ReleaseParts {
  const small = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 4 })
  const sentiment = {
    ...{
      family: 'text',
      inputs: ['buckets', 'words', 'signs'],
      outputs: ['score'],
      reading: textReading,
    },
    ...changes,
  } as const
  return {
    ...small,
    manifest: { ...small.manifest, models: { ...small.manifest.models, sentiment } as never },
    models: { ...small.models, sentiment: file },
    policy: { ...small.policy, placements: { ...small.policy.placements, ...placements } },
  }
}

beforeEach(async () => {
  expect(await packAndPush(parts())).toMatchObject({ status: 200 })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

let asked = 0
async function ask(placement: string, properties: object, context: object = {}) {
  const event = rawEvent({ messageId: `m${++asked}`, anonymousId: 'me', properties })
  const question = { placement, anonymousId: 'me', context, events: [event] }
  const { status, body } = await send('/v1/decide', question)
  const answer = body.answer as Record<string, unknown>
  return { status, answer, fallback: body.fallback, rejected: body.rejected as object[] }
}

describe('a placement with a model of texts', () => {
  it('judges a review by the property that it names', async () => {
    const angry = await ask('review', { review_body: 'so BROKEN!!' })
    expect(angry).toMatchObject({ fallback: null, answer: { verdict: 'block' } })
    expect(angry.answer.score).toBeLessThan(-0.3)
    expect((await ask('review', { review_body: 'lovely!' })).answer).toMatchObject({
      verdict: 'allow',
    })
  })

  it('alerts in the answer of the request that brings the line, and ends with a better one', async () => {
    const line = (text: string) =>
      sendBatch([
        rawEvent({
          ...{ event: 'Message Sent', messageId: `m${++asked}`, anonymousId: 'me' },
          ...{ timestamp: Date.now(), properties: { text } },
        }),
      ])
    const first = (await line('it is broken, slow and broken')).body.decisions as object[]
    expect(first).toMatchObject([
      { placement: 'chat', answer: { severity: 'unhappy', notify: true } },
    ])
    const second = (await line('lovely, quick')).body.decisions as object[]
    expect(second).toMatchObject([{ placement: 'chat', answer: { severity: null } }])
  })

  it('reads what a question tells', async () => {
    expect((await ask('mood', {}, { said: 'lovely' })).answer).toMatchObject({ segment: 'pleased' })
    expect((await ask('mood', {}, { said: 'broken' })).answer).toMatchObject({ segment: 'calm' })
  })

  it.each([
    ['is missing', {}],
    ['is a number', { review_body: 42 }],
    ['is a list', { review_body: ['lovely'] }],
    ['is of nothing that can be read', { review_body: ' \u200b~~~ ' }],
    ['is half a surrogate pair', { review_body: '\ud83d' }],
  ])('says so, counted, where the text %s', async (_what, properties) => {
    const label = 'fallback="no_text"'
    const before = await counter('shelfedge_decisions_total', label)
    const { status, answer, fallback } = await ask('review', properties)
    expect({ status, fallback }).toEqual({ status: 200, fallback: 'no_text' })
    // The rule cannot tell without a score: a person looks.
    expect(answer).toMatchObject({ verdict: 'review', score: null })
    expect(await counter('shelfedge_decisions_total', label)).toBe(before + 1)
  })

  it('reads around what is broken in a text, and the beginning of a long one', async () => {
    const torn = await ask('review', { review_body: 'broken \ud83d and \ude00 slow' })
    expect(torn).toMatchObject({ fallback: null, answer: { verdict: 'block' } })
    const long = await ask('review', { review_body: `broken, slow. ${'x '.repeat(15_000)}` })
    expect(long).toMatchObject({ status: 200, fallback: null })
    expect(Number.isFinite(long.answer.score)).toBe(true)
  })

  it('refuses an event that is too large with its reason, and answers', async () => {
    const { status, rejected, fallback } = await ask('review', { review_body: 'a'.repeat(100_000) })
    expect({ status, fallback }).toEqual({ status: 200, fallback: 'no_text' })
    expect(rejected).toMatchObject([{ reason: expect.stringContaining('large') }])
  })
})

it('a release whose model reads otherwise is refused, and the last one stays', async () => {
  const refused = await packAndPush(parts({ reading: 2 }))
  expect(refused.status).toBe(422)
  expect((await ask('review', { review_body: 'lovely' })).fallback).toBeNull()
})
