import type { Hono } from 'hono'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { storeChunk } from '#hub/consume.ts'
import type { LogChunk } from '#hub/log/log.ts'
import { Schedule } from '#hub/schedule.ts'
import { StoreError } from '#hub/store/store.ts'
import { Eraser } from '#hub/visitors/eraser.ts'
import { ingestPath } from '#shared/contract.ts'
import {
  adminToken,
  eventRecord,
  openTestHub,
  signedIngest,
  type TestHub,
} from '#test/support/hub.ts'
import { type ListeningPop, startListeningPop } from '#test/support/listening-pop.ts'

// A real registry, log and store; what POPs answer is told to them. test/system/erasure.test.ts has real ones.

const patience = { timeout: 20_000 }
let near: ListeningPop
let far: ListeningPop
let hub: TestHub
let app: Hono
beforeAll(async () => {
  near = await startListeningPop('near')
  far = await startListeningPop('far')
  hub = await openTestHub({
    SITES: '{"shop":{"writeKeys":["shop-key"]},"other":{"writeKeys":["other-key"]}}',
    POP_URLS: JSON.stringify([near.url, far.url]),
  })
  for (const pop of [near, far]) pop.state.publicKeyHex = hub.environment.publicKeyHex
  app = hubApp(hub.environment, new Schedule(hub.environment))
})
afterAll(async () => {
  await hub?.close()
  await near?.close()
  await far?.close()
})
beforeEach(() => {
  for (const pop of [near, far]) {
    Object.assign(pop.state, { isAway: false, epoch: 1 })
    pop.state.known.clear()
    pop.heard.length = 0
  }
})

const tables = ['events', 'decisions', 'refusals'] as const
type Found = Record<string, unknown>
interface State {
  readonly order: number
  readonly complete: boolean
  readonly found: boolean
  readonly targets: { target: string; confirmed: boolean; reason?: string; found?: Found[] }[]
}
interface Told {
  readonly linked: string[]
  readonly erasures: State[]
  readonly stored: Record<string, Record<string, unknown>[]>
  readonly pops: { url: string; answered: boolean; known?: boolean; reason?: string }[]
  readonly next: string | null
}

async function ask<Answered>(method: string, path: string) {
  const headers = { authorization: `Bearer ${adminToken}` }
  const response = await app.request(`/v1/visitors/${path}`, { method, headers })
  return { status: response.status, body: (await response.json()) as Answered }
}

function pathOf(visitor: string, site = 'shop'): string {
  return `${encodeURIComponent(visitor)}?site=${site}`
}
const exported = (visitor: string, site?: string) => ask<Told>('GET', pathOf(visitor, site))
const erase = (visitor: string, site?: string) => ask<State>('DELETE', pathOf(visitor, site))

let sequences = 0
interface Life {
  readonly site?: string
  readonly pop?: string
  readonly epoch?: number
}

/** Delivers records of a visitor as its POP would. */
async function deliver(visitor: string, records: unknown[], life: Life = {}): Promise<void> {
  const { site = 'shop', pop = 'near', epoch = 1 } = life
  const batch = { site, visitor, epoch, sequence: ++sequences, records }
  const delivery = { pop, region: 'here', batches: [batch] }
  const response = await app.request(ingestPath, await signedIngest(delivery))
  expect(response.status).toBe(200)
}

function decision(decisionId: string) {
  return {
    ...{ kind: 'decision', decisionId, at: 1, placement: 'p', release: null, model: 'popularity' },
    ...{ fallback: null, session: 's', features: {}, items: [], scores: [] },
  }
}

function refusal(messageId: string, body: object, at = 1) {
  const text = JSON.stringify(body)
  return { kind: 'refusal', at, messageId, reason: 'r', field: '', detail: '', body: text }
}

async function storedIds(visitor: string, site = 'shop'): Promise<string[]> {
  const rows = await hub.environment.store.query<{ message_id: string }>(
    'SELECT message_id FROM events WHERE visitor = {visitor:String} AND site = {site:String} ORDER BY 1',
    { visitor, site },
  )
  return rows.map((row) => row.message_id)
}

async function untilStored(visitor: string, ids: string[], site?: string): Promise<void> {
  await vi.waitFor(async () => expect(await storedIds(visitor, site)).toEqual(ids), patience)
}

/** What the store has of a visitor, not folded, by table. */
async function rowsOf(visitor: string, site = 'shop'): Promise<number[]> {
  const { stored } = (await exported(visitor, site)).body
  return tables.map((table) => stored[table]?.length ?? 0)
}

/** A visitor with an event, a decision and a refused event in the store. */
async function visit(id: string, site = 'shop'): Promise<string> {
  const visitor = `a:${id}`
  const of = { anonymousId: id }
  await deliver('!refused', [refusal(`refused ${id}`, of)], { site })
  await deliver(visitor, [eventRecord(`m ${id}`, of), decision(`d ${id}`)], { site })
  await vi.waitFor(async () => expect(await rowsOf(visitor, site)).toEqual([1, 1, 1]), patience)
  return visitor
}

describe('what is exported of a visitor', { timeout: 60_000 }, () => {
  it('is what the store has and what each POP has, of this visitor at this site alone', async () => {
    const visitor = await visit('told')
    await visit('told and more')
    await visit('told', 'other')
    near.state.known.add(visitor)
    far.state.isAway = true
    const { status, body } = await exported(visitor)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      stored: {
        events: [{ site: 'shop', visitor, message_id: 'm told' }],
        decisions: [{ site: 'shop', visitor, decision_id: 'd told' }],
        refusals: [{ site: 'shop', message_id: 'refused told' }],
      },
      pops: [
        { url: near.url, answered: true, pop: 'near', known: true },
        { url: far.url, answered: false, reason: expect.stringMatching(/fetch failed/) },
      ],
      next: null,
    })
  })

  it('names the other keys that events link it with, one step far', async () => {
    const link = (anonymousId: string, more: object) => [
      eventRecord(`link ${++sequences}`, { anonymousId, ...more }),
    ]
    const identify = { type: 'identify', userId: 'ann' }
    await deliver('a:phone', link('phone', identify))
    await deliver('a:laptop', link('laptop', identify))
    const alias = { type: 'alias', userId: 'ann', previousId: 'guest' }
    await deliver('a:laptop', link('laptop', alias))
    await deliver('a:stranger', link('stranger', { userId: 'bob' }))
    await vi.waitFor(async () => {
      expect((await exported('u:ann')).body.linked).toEqual(['a:laptop', 'a:phone'])
      expect((await exported('a:phone')).body.linked).toEqual(['u:ann'])
      expect((await exported('a:laptop')).body.linked).toEqual(['a:guest', 'u:ann', 'u:guest'])
      expect((await exported('a:guest')).body.linked).toEqual(['a:laptop', 'u:ann'])
      expect((await exported('u:bob')).body.linked).toEqual(['a:stranger'])
    }, patience)
  })

  it('comes in pages: every row once, the POPs on the first', async () => {
    const ids = Array.from({ length: 1_203 }, (_, at) => `page ${String(at).padStart(4, '0')}`)
    await deliver(
      'a:much',
      ids.map((id) => eventRecord(id)),
    )
    await untilStored('a:much', ids)
    const told: unknown[] = []
    let pages = 0
    for (let next: string | null = ''; next !== null; pages++) {
      const { body }: { body: Told } = await ask('GET', `a:much?site=shop&after=${next}`)
      expect(body.pops).toHaveLength(pages === 0 ? 2 : 0)
      told.push(...(body.stored.events ?? []).map((row) => row.message_id))
      next = body.next
    }
    expect(told).toEqual(ids)
    expect(pages).toBe(3)
  })
})

describe('an erasure', { timeout: 60_000 }, () => {
  it('leaves nothing of the visitor in any table, and everything of the others', async () => {
    const visitor = await visit('gone')
    const others = [
      [await visit('gone too'), 'shop'],
      [await visit('gone', 'other'), 'other'],
    ] as const
    near.state.known.add(visitor)
    const { status, body } = await erase(visitor)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ site: 'shop', visitor, complete: true, found: true },
      targets: [
        { target: near.url, confirmed: true, found: [{ known: true }] },
        { target: far.url, confirmed: true, found: [{ known: false }] },
        {
          target: 'store',
          confirmed: true,
          found: [{ events: 1, decisions: 1, dead_letters: 0, refusals: 1 }],
        },
      ],
    })
    expect(await rowsOf(visitor)).toEqual([0, 0, 0])
    expect(await storedIds(visitor)).toEqual([])
    for (const [other, site] of others) expect(await rowsOf(other, site)).toEqual([1, 1, 1])
    expect([...near.heard, ...far.heard].filter(({ method }) => method === 'DELETE')).toEqual([
      { method: 'DELETE', site: 'shop', visitor },
      { method: 'DELETE', site: 'shop', visitor },
    ])
  })

  it('of somebody nobody knows is an answer that says so', async () => {
    const { status, body } = await erase('u:nobody')
    expect(status).toBe(200)
    expect(body).toMatchObject({ complete: true, found: false })
  })

  it.each(['50%', 'a/b', 'x y+z', 'snow ☃', "it's", 'q?a=b&c', 'back\\slash'])(
    'finds an id whatever it is made of: %s',
    async (id) => {
      const visitor = await visit(id)
      expect((await erase(visitor)).body).toMatchObject({ complete: true, found: true })
      expect(await rowsOf(visitor)).toEqual([0, 0, 0])
    },
  )

  it('does not let back in what the log or an outbox still held, and lets in what is new', async () => {
    near.state.epoch = 5
    const visitor = await visit('late')
    await erase(visitor)
    const before = Date.now() - 60_000
    await deliver(visitor, [eventRecord('of the old life', { receivedAt: Date.now() + 60_000 })])
    await deliver('a:late too', [eventRecord('neighbour', { receivedAt: before })])
    await deliver('!refused', [refusal('old refusal', { anonymousId: 'late' }, before)])
    // A POP whose clock is behind: what its epoch says counts.
    await deliver(visitor, [eventRecord('of the new life', { receivedAt: before })], { epoch: 6 })
    await untilStored('a:late too', ['neighbour'])
    await untilStored(visitor, ['of the new life'])
    expect(await rowsOf(visitor)).toEqual([1, 0, 0])
  })

  it('takes refusals whose body does not name the visitor, and each of them once', async () => {
    const of = { ...refusal('of a number', { anonymousId: 4711 }), visitors: ['a:4711'] }
    const other = refusal('of a POP of before', { userId: 'x', anonymousId: 4711 })
    for (const records of [[of], [of, other], [other]]) await deliver('!refused', records)
    const sum = async () => (await exported('a:4711')).body.stored.refusals?.length
    await vi.waitFor(async () => expect(await sum()).toBe(2), patience)
    await erase('a:4711')
    await vi.waitFor(async () => expect(await sum()).toBe(0), patience)
  })

  it('waits for what is being stored, so that it does not arrive behind the deletion', async () => {
    const { environment } = hub
    const visitor = 'a:in flight'
    const batch = { site: 'shop', visitor, epoch: 1, sequence: 1 }
    const value = { pop: 'near', region: 'here', ...batch, records: [eventRecord('in flight')] }
    const message = { key: 'k', identity: 'in flight', offset: 0n, appendedAtMs: 1 }
    const chunk: LogChunk = {
      ...{ topic: 't', partition: 0, firstOffset: 0n, lastOffset: 0n },
      messages: [{ ...message, value: JSON.stringify(value) }],
    }
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const insert: typeof environment.store.insert = async (...inserted) => {
      await released
      await environment.store.insert(...inserted)
    }
    const slow = { ...environment, store: { ...environment.store, insert } }
    const storing = environment.erasures.storing(() => storeChunk(chunk, slow))
    const erasing = erase(visitor)
    await vi.waitFor(() => expect(far.heard).toHaveLength(1), patience)
    release()
    await storing
    const { body } = await erasing
    expect(body.targets.at(-1)).toMatchObject({ found: [{ events: 1 }] })
    expect(await storedIds(visitor)).toEqual([])
  })

  it('takes dead letters of the visitor, and keeps one that comes later from being made', async () => {
    const visitor = 'a:dead letters'
    const bad = { kind: 'of tomorrow', secret: 'mine' }
    await deliver(visitor, [bad])
    const letters = async () => (await exported(visitor)).body.stored.dead_letters
    await vi.waitFor(async () => expect(await letters()).toHaveLength(1), patience)
    const { body } = await erase(visitor)
    expect(body.targets.at(-1)).toMatchObject({ found: [{ dead_letters: 1 }] })
    expect(await letters()).toEqual([])
    const { pop, epoch } = { pop: 'near', epoch: 1 }
    await deliver(visitor, [bad, eventRecord('of the erased life')], { pop, epoch })
    await deliver(visitor, [eventRecord('of the new life')], { pop, epoch: 2 })
    await untilStored(visitor, ['of the new life'])
    expect(await letters()).toEqual([])
  })

  it('reaches a POP that was away when it returns, and what it forwarded meanwhile', async () => {
    const visitor = await visit('patient')
    far.state.isAway = true
    const first = await erase(visitor)
    expect(first.status).toBe(202)
    expect(first.body).toMatchObject({
      complete: false,
      targets: [
        { target: near.url, confirmed: true },
        { target: far.url, confirmed: false, reason: expect.stringMatching(/fetch failed/) },
        { target: 'store', confirmed: true },
      ],
    })
    // Made before the order at the POP that does not know of it yet, and made after it.
    const outbox = eventRecord('waited in its outbox', { receivedAt: Date.now() - 60_000 })
    const later = eventRecord('made meanwhile', { receivedAt: Date.now() + 60_000 })
    await deliver(visitor, [outbox, later], { pop: 'far', epoch: 3 })
    await untilStored(visitor, ['made meanwhile'])
    Object.assign(far.state, { isAway: false, epoch: 7 })
    await deliver(visitor, [{ ...later, messageId: 'new life' }], { pop: 'far', epoch: 8 })
    await untilStored(visitor, ['made meanwhile', 'new life'])
    await hub.environment.eraser.eraseNow()
    const [state] = (await exported(visitor)).body.erasures
    expect(state).toMatchObject({ order: first.body.order, complete: true })
    expect(await storedIds(visitor)).toEqual(['new life'])
    await hub.environment.eraser.eraseNow()
    expect(far.heard.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
  })

  it('is repeated until the store has done it, too', async () => {
    const { environment } = hub
    const { popUrls } = environment.config
    const visitor = await visit('stubborn')
    const query = () => Promise.reject(new StoreError('unavailable', 'the store is away'))
    const broken = new Eraser({
      ...{ ...environment, ...environment.signature, popUrls },
      store: { ...environment.store, query },
    })
    const cut = hubApp({ ...environment, eraser: broken }, new Schedule(environment))
    const headers = { authorization: `Bearer ${adminToken}` }
    const path = `/v1/visitors/${pathOf(visitor)}`
    const response = await cut.request(path, { method: 'DELETE', headers })
    expect(response.status).toBe(202)
    const { targets } = (await response.json()) as State
    const reason = expect.stringMatching(/the store is away/)
    expect(targets.at(-1)).toMatchObject({ target: 'store', confirmed: false, reason })
    expect(await storedIds(visitor)).toEqual(['m stubborn'])
    await environment.eraser.eraseNow()
    expect(await storedIds(visitor)).toEqual([])
  })
})

describe('an order that everybody has confirmed', () => {
  it('is remembered for as long as the log may hold what it covers, and no longer', async () => {
    const { environment } = hub
    const { erasures, config, signature } = environment
    const order = (await erase('a:remembered')).body.order
    const dayMs = 24 * 3_600_000
    const roundAfter = (days: number) => {
      const now = () => Date.now() + days * dayMs
      const { popUrls } = config
      return new Eraser({ ...environment, ...signature, popUrls, now }).eraseNow()
    }
    await roundAfter(7)
    expect(erasures.get(order)).toMatchObject({ visitor: 'a:remembered' })
    await roundAfter(9)
    expect(erasures.size).toBe(0)
  })
})

describe('a question about a visitor is refused', () => {
  const cases: [string, string, number, string][] = [
    ['without an id', '?site=shop', 400, 'invalid_visitor'],
    ['with an id but no kind', 'me?site=shop', 400, 'invalid_visitor'],
    ['with a kind but no id', 'a:?site=shop', 400, 'invalid_visitor'],
    ['with another kind', 'x:me?site=shop', 400, 'invalid_visitor'],
    ['for the refusals of all', '!refused?site=shop', 400, 'invalid_visitor'],
    ['with an id of 300 characters', `a:${'x'.repeat(300)}?site=shop`, 400, 'invalid_visitor'],
    ['with a line break in the id', 'a:x%0Ay?site=shop', 400, 'invalid_visitor'],
    ['for a site that is not here', 'a:me?site=elsewhere', 404, 'unknown_site'],
    ['for no site where there are two', 'a:me', 400, 'missing_site'],
  ]
  const methods = ['GET', 'DELETE'] as const
  it.each(cases.flatMap((each) => methods.map((method) => [method, ...each] as const)))(
    '%s %s',
    async (method, _what, path, status, error) => {
      const answer = await ask<{ error: string; detail: string }>(method, path)
      expect(answer).toMatchObject({ status, body: { error } })
      expect(answer.body.detail).not.toBe('')
    },
  )

  it.each(methods)('%s by whoever is no operator', async (method) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const response = await app.request('/v1/visitors/a:me?site=shop', { method, headers })
      expect(response.status).toBe(401)
    }
    expect([...near.heard, ...far.heard]).toEqual([])
  })

  it.each([
    ['nothing', 'nonsense'],
    ['another address', cursorTo({ 'http://elsewhere.example': '' })],
  ])('with an after that leads to %s', async (_where, after) => {
    const answer = await ask<{ error: string }>('GET', `a:me?site=shop&after=${after}`)
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_after' } })
  })
})

function cursorTo(pops: Record<string, string>): string {
  return Buffer.from(JSON.stringify({ stored: null, pops })).toString('base64url')
}
