import { afterEach, describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { rawEvent } from '#test/support/events.ts'
import { counter, forgetEverything, gzipped, type Sending, send, sendBatch } from './pop.ts'

const requestsRefused = 'shelfedge_requests_refused_total'
const eventsRefused = 'shelfedge_events_refused_total'
const good = { batch: [rawEvent()] }
const brackets = 100_000

afterEach(forgetEverything)

async function expectGoodRequestTaken(): Promise<void> {
  const answer = await sendBatch([rawEvent({ messageId: 'a good one after it' })])
  expect(answer).toMatchObject({ status: 200, body: { accepted: 1, rejected: [] } })
}

interface BadRequest {
  readonly what: string
  readonly status: number
  readonly code: string
  readonly path?: string
  readonly body?: () => string | object | Promise<Uint8Array<ArrayBuffer>>
  readonly sending?: Sending
}

const gzip = { headers: { 'content-encoding': 'gzip' } }
const ask = (question: object) => ({ path: '/v1/decide', body: () => question })

const badRequests: BadRequest[] = [
  { what: 'not JSON', status: 400, code: 'not_json', body: () => '{"batch":[' },
  { what: 'an empty body', status: 400, code: 'not_json', body: () => '' },
  {
    what: 'bytes that are not UTF-8',
    status: 400,
    code: 'not_json',
    body: async () => Uint8Array.of(0x22, 0xff, 0x22),
  },
  { what: 'a list for a body', status: 400, code: 'not_an_object', body: () => '[]' },
  { what: 'null for a body', status: 400, code: 'not_an_object', body: () => 'null' },
  { what: 'no batch', status: 400, code: 'no_batch', body: () => ({}) },
  { what: 'a batch that is an object', status: 400, code: 'no_batch', body: () => ({ batch: {} }) },
  {
    what: '501 kB',
    status: 413,
    code: 'body_too_large',
    body: () => ({ batch: ['x'.repeat(501 * 1024)] }),
  },
  {
    what: '10,000 events',
    status: 413,
    code: 'too_many_events',
    body: () => ({ batch: Array(10_000).fill({ type: 'track' }) }),
  },
  {
    what: 'too many events on one decision',
    status: 413,
    code: 'too_many_events',
    ...ask({
      placement: 'product-page',
      anonymousId: 'a',
      events: Array(limits.decideEventsMax + 1).fill({}),
    }),
  },
  {
    what: 'a gzip bomb',
    status: 413,
    code: 'body_too_large',
    body: () => gzipped(new Uint8Array(20_000_000)),
    sending: gzip,
  },
  {
    what: 'gzip that is none',
    status: 400,
    code: 'not_compressed',
    body: () => good,
    sending: gzip,
  },
  {
    what: 'gzip cut off',
    status: 400,
    code: 'not_compressed',
    body: async () => (await gzipped(JSON.stringify(good))).slice(0, -12),
    sending: gzip,
  },
  {
    what: 'an encoding we do not read',
    status: 415,
    code: 'unsupported_encoding',
    body: () => good,
    sending: { headers: { 'content-encoding': 'br' } },
  },
  {
    what: 'no write key',
    status: 401,
    code: 'missing_write_key',
    body: () => good,
    sending: { key: null },
  },
  {
    what: 'a wrong write key',
    status: 401,
    code: 'unknown_write_key',
    body: () => good,
    sending: { key: 'nobody' },
  },
  {
    what: 'a wrong write key in the body',
    status: 401,
    code: 'unknown_write_key',
    body: () => ({ ...good, writeKey: 'nobody' }),
    sending: { key: null },
  },
  {
    what: 'credentials that are not Base64',
    status: 401,
    code: 'missing_write_key',
    body: () => good,
    sending: { key: null, headers: { authorization: 'Basic %%%' } },
  },
  {
    what: 'an unknown placement',
    status: 404,
    code: 'unknown_placement',
    ...ask({ placement: 'cellar', anonymousId: 'a' }),
  },
  {
    what: 'a placement named like a property of every object',
    status: 404,
    code: 'unknown_placement',
    ...ask({ placement: 'constructor', anonymousId: 'a' }),
  },
  {
    what: 'a decision for nobody',
    status: 400,
    code: 'invalid_question',
    ...ask({ placement: 'product-page' }),
  },
  {
    what: 'a decision for an id with NUL in it',
    status: 400,
    code: 'invalid_question',
    ...ask({ placement: 'product-page', anonymousId: 'a\u0000' }),
  },
  ...['0', '-1', '1.5', '101', 'ten', ''].map((limit) => ({
    what: `the limit "${limit}"`,
    status: 400,
    code: 'invalid_question',
    path: `/v1/recommendations?anonymousId=a&limit=${limit}`,
  })),
]

describe('a request that cannot be taken', () => {
  it.each(badRequests)('is refused with a code and a sentence: $what', async (bad) => {
    const label = `code="${bad.code}"`
    const before = await counter(requestsRefused, label)
    const answer = await send(bad.path ?? '/v1/batch', await bad.body?.(), bad.sending)
    expect(answer).toMatchObject({ status: bad.status, body: { error: bad.code } })
    expect(answer.body.detail).toMatch(/\w+ \w+/)
    expect(await counter(requestsRefused, label)).toBe(before + 1)
    await expectGoodRequestTaken()
  })

  it('is answered as JSON where no such route exists', async () => {
    const answer = await send('/v2/batch', good)
    expect(answer).toMatchObject({ status: 404, body: { error: 'no_such_route' } })
    await expectGoodRequestTaken()
  })
})

/** As text, because some of it cannot be written by `JSON.stringify`. */
const badEvents: [what: string, event: string, reason: string][] = [
  ['null', 'null', 'not_an_object'],
  ['a list', '[]', 'not_an_object'],
  ['an unknown type', eventText({ type: 'purchase' }), 'unknown_type'],
  ['no messageId', eventText({ messageId: null }), 'missing_message_id'],
  ['no visitor', eventText({ anonymousId: null }), 'missing_visitor_id'],
  ['33 kB', eventText({ properties: { note: 'x'.repeat(33 * 1024) } }), 'event_too_large'],
  [
    'deep nesting',
    `{"deep":${'['.repeat(brackets)}${']'.repeat(brackets)}}`,
    'too_deep|event_too_large',
  ],
  ['NUL in an id', eventText({ anonymousId: 'a\u0000' }), 'invalid_id'],
  ['half a surrogate in an id', eventText({ messageId: 'a\ud800' }), 'invalid_id'],
  ['1e999', eventText({ properties: { price: 'NUMBER' } }), 'number_not_finite'],
  ['a negative quantity', eventText({ properties: { quantity: -3 } }), 'out_of_range'],
  ['1970', eventText({ timestamp: '1970-01-01T00:00:00Z' }), 'timestamp_out_of_range'],
  ['2099', eventText({ timestamp: '2099-01-01T00:00:00Z' }), 'timestamp_out_of_range'],
]

function eventText(changes: Record<string, unknown>): string {
  return JSON.stringify(rawEvent(changes)).replace('"NUMBER"', '1e999')
}

describe('an event that cannot be taken', () => {
  it.each(badEvents)(
    'is refused alone, its neighbours are taken: %s',
    async (_what, bad, reason) => {
      const before = await Promise.all(reason.split('|').map(refusedFor))
      const neighbours = ['before', 'after'].map((messageId) => eventText({ messageId }))
      const answer = await send('/v1/batch', `{"batch":[${neighbours[0]},${bad},${neighbours[1]}]}`)
      expect(answer).toMatchObject({
        status: 200,
        body: { accepted: 2, duplicates: 0, rejected: [{ index: 1 }] },
      })
      const [rejected] = answer.body.rejected as { reason: string; detail: string }[]
      expect(rejected?.reason).toMatch(new RegExp(`^(${reason})$`))
      expect(rejected?.detail).toMatch(/\w+ \w+/)
      const after = await Promise.all(reason.split('|').map(refusedFor))
      expect(sum(after)).toBe(sum(before) + 1)
      await expectGoodRequestTaken()
    },
  )

  it('with __proto__ in it is taken without it, and changes no other', async () => {
    const bad = eventText({}).replace(
      '"properties":{',
      '"properties":{"__proto__":{"quantity":-1},',
    )
    expect((await send('/v1/batch', `{"batch":[${bad}]}`)).body).toMatchObject({ accepted: 1 })
    await expectGoodRequestTaken()
  })
})

function refusedFor(reason: string): Promise<number> {
  return counter(eventsRefused, `reason="${reason}"`)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

describe('what SDKs get wrong is taken all the same', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'nonsense'])(
    'a body that calls itself %s',
    async (type) => {
      const answer = await send('/v1/batch', good, { headers: { 'content-type': type } })
      expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } })
    },
  )

  it('a key in the body, as beacons send it', async () => {
    const answer = await send('/v1/b', { ...good, writeKey: 'demo' }, { key: null })
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } })
  })

  it('gzip', async () => {
    const answer = await send('/v1/batch', await gzipped(JSON.stringify(good)), gzip)
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } })
  })
})

it('two sites never see each other: the same visitor and message id are two', async () => {
  const view = rawEvent({ anonymousId: 'shared', properties: { product_id: 'of-demo' } })
  expect((await sendBatch([view])).body).toMatchObject({ accepted: 1, duplicates: 0 })
  const other = { key: 'other-key' }
  const elsewhere = await send('/v1/recommendations?anonymousId=shared', undefined, other)
  expect(JSON.stringify(elsewhere.body)).not.toContain('of-demo')
  expect((await sendBatch([view], other)).body).toMatchObject({ accepted: 1, duplicates: 0 })
})

it('HEAD makes no decision', async () => {
  const made = () => counter('shelfedge_decisions_total', 'fallback="no_release"')
  const before = await made()
  const path = '/v1/recommendations?anonymousId=a'
  const answer = await send(path, undefined, { method: 'HEAD' })
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET'])
  expect(answer.headers.get('access-control-expose-headers')).toBe('retry-after')
  expect(await made()).toBe(before)
})

describe('a question that cannot be answered', () => {
  const question = { placement: 'product-page', anonymousId: 'me' }
  it.each([
    [{}, 'placement is missing'],
    [{ placement: 5 }, 'placement must be text, not 5'],
    [{ placement: 'product-page' }, 'the question: anonymousId or userId is required'],
    [{ ...question, anonymousId: '' }, 'anonymousId must not be empty'],
    [{ ...question, userId: ['a'] }, 'userId must be text, not a list'],
    [{ ...question, limit: 'ten' }, 'limit must be a number, not "ten"'],
    [{ ...question, limit: 1.5 }, 'limit must be a whole number, not 1.5'],
    [{ ...question, limit: 101 }, 'limit must be at most 100, not 101'],
    [{ ...question, context: 'till' }, 'context must be an object, not "till"'],
  ])('is told which field, what is allowed and what was given: %j', async (body, detail) => {
    const answer = await send('/v1/decide', body)
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_question', detail } })
  })

  it('is told so in an address, too', async () => {
    const { body } = await send('/v1/recommendations?anonymousId=me&limit=ten')
    expect(body.detail).toBe('limit must be a number, not "ten"')
  })
})
