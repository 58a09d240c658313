import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { Schedule } from '#hub/schedule.ts'
import { ingestPath } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import {
  adminToken,
  counterOf,
  deliveryOf,
  eventRecord,
  openTestHub,
  signedIngest,
  type TestHub,
} from '#test/support/hub.ts'

let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub()
  app = hubApp(hub.environment, new Schedule(hub.environment))
})
afterAll(() => hub?.close())

const good = deliveryOf(1, [eventRecord('good')])
const bearer = { authorization: `Bearer ${adminToken}` }

function query(sql: string, headers: Record<string, string> = bearer) {
  return app.request('/v1/query', { method: 'POST', headers, body: sql })
}

async function ingest(...signed: Parameters<typeof signedIngest>) {
  return app.request(ingestPath, await signedIngest(...signed))
}

/** The second of two requests with one nonce. */
async function replayed() {
  const request = await signedIngest(deliveryOf(2, [eventRecord('replayed')]))
  expect((await app.request(ingestPath, request)).status).toBe(200)
  return app.request(ingestPath, request)
}

async function tampered() {
  const { headers } = await signedIngest(good)
  const body = JSON.stringify(deliveryOf(1, [eventRecord('forged')]))
  return app.request(ingestPath, { method: 'POST', headers: headers as never, body })
}

it('a body that breaks off is no failure of the hub', async () => {
  const [error, info] = (['error', 'info'] as const).map((level) =>
    vi.spyOn(hub.environment.logger, level),
  )
  const aborted = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  const body = new ReadableStream({ pull: () => Promise.reject(aborted) })
  const { headers } = await signedIngest(good)
  await app.request(ingestPath, { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
  expect([error?.mock.calls.length, info?.mock.calls.length]).toEqual([0, 1])
  vi.restoreAllMocks()
})

/** A body that fails whoever reads of it. */
function untouchable(): RequestInit {
  const body = new ReadableStream(
    { pull: () => expect.unreachable('the body is read') },
    { highWaterMark: 0 },
  )
  return { method: 'POST', body, duplex: 'half' } as RequestInit
}

const unsigned = { method: 'POST', body: JSON.stringify(good) }
const hourMs = 3_600_000
const ingests: Cases = [
  [
    'without a signature',
    () => app.request(ingestPath, unsigned),
    401,
    'signature_missing',
    /signature of the POP/,
  ],
  [
    'without a signature, of which nothing is read',
    () => app.request(ingestPath, untouchable()),
    401,
    'signature_missing',
    /signature of the POP/,
  ],
  [
    'signed an hour ago',
    () => ingest(good, { nowMs: Date.now() - hourMs }),
    401,
    'signature_expired',
    /too old/,
  ],
  [
    'signed with another secret',
    () => ingest(good, { secret: 'x'.repeat(40) }),
    401,
    'signature_invalid',
    /signature of the POP/,
  ],
  ['changed on its way', tampered, 401, 'signature_invalid', /signature of the POP/],
  ['that was here before', replayed, 401, 'signature_replayed', /signature of the POP/],
  ['that is not JSON', () => ingest('{"pop":'), 400, 'not_json', /not JSON/],
  [
    'that is only a number',
    () => ingest(7),
    422,
    'not_a_delivery',
    /^the body must be an object, not a number$/,
  ],
  [
    'that is a list',
    () => ingest([]),
    422,
    'not_a_delivery',
    /^the body must be an object, not a list$/,
  ],
  [
    'without batches',
    () => ingest({ pop: 'p', region: 'r' }),
    422,
    'not_a_delivery',
    /^batches is missing$/,
  ],
  [
    'with a batch without records',
    () => ingest(deliveryOf(1, [])),
    422,
    'not_a_delivery',
    /^batches\.0\.records must not be empty$/,
  ],
  [
    'with a sequence below 0',
    () => ingest(deliveryOf(-1, [{}])),
    422,
    'not_a_delivery',
    /^batches\.0\.sequence must be 0 or more$/,
  ],
  [
    'with too many batches',
    () => ingest(tooMany()),
    422,
    'not_a_delivery',
    /^batches must have at most 2000 entries, not \d+$/,
  ],
  [
    'of a site that is not here',
    () => ingest(ofSite('nowhere')),
    409,
    'unknown_site',
    /no site nowhere/,
  ],
  [
    'of more than 6 MB',
    () => ingest('x'.repeat(limits.ingestBytesMax + 1)),
    413,
    'body_too_large',
    /6291456 bytes/,
  ],
]

const operations: Cases = [
  ['a query without a token', () => query('SELECT 1', {}), 401, 'not_an_operator', /admin token/],
  [
    'a query with a wrong token',
    () => query('SELECT 1', { authorization: 'Bearer no' }),
    401,
    'not_an_operator',
    /admin token/,
  ],
  [
    'the token with another scheme',
    () => query('SELECT 1', { authorization: `Basic ${adminToken}` }),
    401,
    'not_an_operator',
    /admin token/,
  ],
  ['figures without a token', () => app.request('/metrics'), 401, 'not_an_operator', /admin token/],
  ['an INSERT', () => query("INSERT INTO events (site) VALUES ('x')"), 400, 'refused', /SELECT/],
  ['a DROP', () => query('DROP TABLE events'), 400, 'refused', /SELECT/],
  [
    'a second statement',
    () => query('SELECT 1; DROP TABLE events'),
    400,
    'refused',
    /second statement/,
  ],
  [
    'a file',
    () => query("SELECT * FROM file('/etc/hostname', 'LineAsString')"),
    400,
    'refused',
    /call file\(\)/,
  ],
  [
    'an address',
    () => query("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"),
    400,
    'refused',
    /call url\(\)/,
  ],
  ['a system table', () => query('SELECT * FROM system.tables'), 400, 'refused', /read system/],
  ['SQL with a mistake', () => query('SELECT FROM WHERE'), 400, 'invalid_query', /Syntax error/],
  [
    'a table that is not there',
    () => query('SELECT * FROM nothing'),
    400,
    'invalid_query',
    /nothing/,
  ],
  [
    'more rows than an answer may have',
    () => query('SELECT number FROM numbers(10001)'),
    400,
    'refused',
    /10\.00 thousand|10000/,
  ],
  [
    'a query of more than 100 kB',
    () => query(`SELECT '${'x'.repeat(100_000)}'`),
    413,
    'body_too_large',
    /100000 bytes/,
  ],
  [
    'training for an unknown site',
    () => retrain('nowhere'),
    404,
    'unknown_site',
    /the sites here are shop/,
  ],
]
/** Texts that no database takes, and times and numbers that only JavaScript reads. */
const addresses: Cases = [
  ...['0000-01-01', '-271821-04-20', '%2B275760-09-13', '1969-12-31', 'soon', ''].map(
    (at): Cases[number] => [
      `what was live at "${at}"`,
      () => operator('GET', `/v1/history?at=${at}`),
      400,
      'invalid_time',
      /from the year 1970 to 9999/,
    ],
  ),
  ...['', '%20', '-0.1', '1.1', 'Infinity', '0x1', 'half'].map((share): Cases[number] => [
    `a canary with a share of "${share}"`,
    () => operator('POST', `/v1/releases/${'ab'.repeat(32)}/canary?share=${share}`),
    400,
    'share_invalid',
    /from 0 to 1/,
  ]),
  ...[
    'GET /v1/models/%00',
    'GET /v1/history?site=%00',
    'GET /v1/visitors/a:%00',
    'GET /v1/decisions/%00',
    'GET /v1/experiments/a%00',
    'GET /v1/offers/codes/SP-%00',
    'GET /v1/releases/abcdef%00/estimate?placement=home',
    'POST /v1/offers/codes?offer=x%00&budget=y',
    `POST /v1/releases/${'ab'.repeat(32)}/promote?why=a%00b`,
    'POST /v1/releases/rollback?why=a%00b',
  ].map((line): Cases[number] => [
    line,
    () => operator(...(line.split(' ') as [string, string])),
    400,
    'invalid_address',
    /U\+0000/,
  ]),
  [
    'a push with a reason that no database takes',
    () => pushOf({ why: 'a\0b' }),
    400,
    'invalid_push',
    /U\+0000/,
  ],
  ...['\0', '\ud800'].map((category): Cases[number] => [
    `a push with the category ${JSON.stringify(category)}`,
    () => pushOf({ category }),
    400,
    'invalid_push',
    /half of a surrogate pair/,
  ]),
]

function operator(method: string, path: string) {
  return app.request(path, { method, headers: bearer })
}

function pushOf({ why = '', category = 'till' }) {
  const feature = { name: 'where', from: 'context.store', type: 'text', categories: [category] }
  const form = new FormData()
  form.set('model', new File(['x'], 'model.onnx'))
  form.set('name', 'tree')
  form.set('why', why)
  form.set('declaration', JSON.stringify({ family: 'tabular', features: [feature] }))
  return app.request('/v1/models', { method: 'POST', headers: bearer, body: form })
}

type Cases = [string, () => Response | Promise<Response>, number, string, RegExp][]

function retrain(site: string) {
  return app.request(`/v1/trainings?site=${site}`, { method: 'POST', headers: bearer })
}

function ofSite(site: string) {
  return { ...good, batches: good.batches.map((batch) => ({ ...batch, site })) }
}

function tooMany() {
  return { ...good, batches: Array(limits.deliveryBatchesMax + 1).fill(good.batches[0]) }
}

async function expectRefused([, send, status, code, sentence]: Cases[number]) {
  const name = `shelfedge_requests_refused_total{code="${code}"}`
  const before = await counterOf(app, name)
  const response = await send()
  const body = (await response.json()) as Record<string, string>
  expect({ status: response.status, error: body.error }).toEqual({ status, error: code })
  expect(body.detail).toMatch(sentence)
  expect(await counterOf(app, name)).toBe(before + 1)
}

describe('the hub refuses, says why, counts it, and goes on', () => {
  it.each(ingests)('a delivery %s', async (...refused) => {
    await expectRefused(refused)
    const after = deliveryOf(100 + ingests.findIndex(([name]) => name === refused[0]), [
      eventRecord(`after ${refused[0]}`),
    ])
    const answer = await ingest(after)
    expect(await answer.json()).toEqual({ accepted: 1, duplicates: 0 })
  })

  it.each(operations)('%s', async (...refused) => {
    await expectRefused(refused)
    const answer = await query('SELECT 1 AS one')
    expect(await answer.json()).toEqual([{ one: 1 }])
  })

  it.each(addresses)('%s', async (...refused) => {
    const error = vi.spyOn(hub.environment.logger, 'error')
    onTestFinished(() => error.mockRestore())
    await expectRefused(refused)
    expect(error).not.toHaveBeenCalled()
  })

  it('takes for a text what only looks like an escape', async () => {
    const answer = await pushOf({ why: '\\u0000', category: '\\ud800 \\\\u0000' })
    expect(await answer.json()).toMatchObject({ accepted: false, code: 'model_unreadable' })
  })

  it('an address that it does not serve', async () => {
    const response = await app.request('/v2/anything')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      error: 'no_such_route',
      detail: expect.stringContaining('/v2/anything'),
    })
  })
})
