import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { visitorPath } from '#shared/contract.ts'
import { signRequest } from '#shared/signature.ts'
import { rawEvent } from '#test/support/events.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { askVisitor, hubKey } from './hub-side.ts'
import { forgetEverything, ownerOf, send, sendBatch } from './pop.ts'

const visitor = 'a:visitor-1'
const name = { site: 'demo', visitor }
let hub: FakeHub
beforeEach(() => {
  hub = startFakeHub()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

function viewBy(anonymousId: string, messageId: string): object {
  return rawEvent({ anonymousId, messageId })
}

function forwarded(): unknown[] {
  return hub.batches().map((batch) => [batch.visitor, batch.epoch])
}

describe('a visitor of this POP', () => {
  it('is told with session and waiting batches', async () => {
    await sendBatch([viewBy('visitor-1', 'm1'), viewBy('visitor-2', 'm2')])
    expect(await askVisitor('GET', name)).toMatchObject({
      status: 200,
      body: {
        ...{ pop: 'pop-under-test', ...name, known: true, sequence: 1, idsRemembered: 1 },
        ...{ session: { items: ['item-1'] }, next: null },
        batches: [{ place: 'outbox', batch: { visitor, records: [{ messageId: 'm1' }] } }],
      },
    })
  })

  it('is no longer named by its user when it is erased, nor the user by its devices', async () => {
    const userId = 'ada'
    const named = (messageId: string) => [rawEvent({ ...viewBy('visitor-1', messageId), userId })]
    await sendBatch(named('m1'))
    const user = { site: 'demo', visitor: 'u:ada' }
    expect((await askVisitor('GET', user)).body).toMatchObject({ linked: [visitor] })
    expect((await askVisitor('GET', name)).body).toMatchObject({ linkedBy: ['u:ada'] })
    await askVisitor('DELETE', name)
    expect((await askVisitor('GET', user)).body).toMatchObject({ linked: [] })
    await sendBatch(named('m2'))
    await askVisitor('DELETE', user)
    expect((await askVisitor('GET', name)).body).toMatchObject({ linkedBy: [] })
  })

  it('is erased, and its neighbour, its namesake at another site and the outbox are not', async () => {
    await sendBatch([viewBy('visitor-1', 'm1'), viewBy('visitor-2', 'm2')])
    await sendBatch([viewBy('visitor-1', 'm3')], { key: 'other-key' })
    const answer = await askVisitor('DELETE', name)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        pop: 'pop-under-test',
        found: { known: true, outbox: 1, setAside: 0, refusals: 0, reservations: 0 },
      },
    })
    expect((await askVisitor('GET', name)).body).toMatchObject({ known: false, batches: [] })
    const others = [
      { site: 'demo', visitor: 'a:visitor-2' },
      { site: 'other', visitor },
    ]
    for (const other of others) {
      expect((await askVisitor('GET', other)).body).toMatchObject({ known: true })
    }
    await runDurableObjectAlarm(ownerOf('a:visitor-1'))
    await runDurableObjectAlarm(ownerOf('a:visitor-2'))
    expect(hub.batches().map((batch) => batch.visitor)).toEqual(['a:visitor-2'])
    expect(await ownerOf(visitor).backlog()).toEqual({ batches: 0, bytes: 0 })
  })

  it('has its refused events erased too, and nobody else has', async () => {
    const refused = (anonymousId: string) => rawEvent({ type: 'purchase', anonymousId })
    await sendBatch([refused('visitor-1'), refused('visitor-2')])
    const answer = await askVisitor('DELETE', name)
    expect(answer.body).toMatchObject({ found: { known: false, refusals: 1 } })
    await runDurableObjectAlarm(ownerOf('!refused'))
    const records = hub.batches().flatMap((batch) => batch.records)
    expect(records).toMatchObject([{ body: expect.stringContaining('visitor-2') }])
  })

  it('has those erased too whose id was a number, or of the decision they came with', async () => {
    await sendBatch([rawEvent({ type: 'purchase', anonymousId: 777123 })])
    const event = rawEvent({ type: 'purchase', anonymousId: undefined })
    await send('/v1/decide', { placement: 'product-page', anonymousId: '777123', events: [event] })
    const answer = await askVisitor('DELETE', { site: 'demo', visitor: 'a:777123' })
    expect(answer.body).toMatchObject({ found: { refusals: 2 } })
  })

  it('begins a new epoch when it comes again', async () => {
    await sendBatch([viewBy('visitor-1', 'm1')])
    await runDurableObjectAlarm(ownerOf(visitor))
    const erased = await askVisitor('DELETE', name)
    expect((await sendBatch([viewBy('visitor-1', 'm1')])).body).toMatchObject({ accepted: 1 })
    await runDurableObjectAlarm(ownerOf(visitor))
    const epochs = hub.batches().map(({ epoch }) => epoch)
    expect(epochs).toHaveLength(2)
    expect(epochs[0]).toBeLessThanOrEqual(erased.body.epoch as number)
    expect(epochs[1]).toBeGreaterThan(erased.body.epoch as number)
  })

  it('may be erased while its delivery is on its way: what came meanwhile is forwarded', async () => {
    await sendBatch([viewBy('visitor-1', 'm1')])
    const erased = new Promise<void>((resolve) => {
      hub.beforeAnswer(async () => {
        hub.beforeAnswer(null)
        await askVisitor('DELETE', name)
        await sendBatch([viewBy('visitor-1', 'm2')])
        resolve()
      })
    })
    await runDurableObjectAlarm(ownerOf(visitor))
    await erased
    await runDurableObjectAlarm(ownerOf(visitor))
    await vi.waitFor(() => expect(forwarded()).toHaveLength(2), { timeout: 15_000 })
    const records = hub.batches().flatMap((batch) => batch.records)
    expect(records).toMatchObject([{ messageId: 'm1' }, { messageId: 'm2' }])
    expect(await ownerOf(visitor).backlog()).toEqual({ batches: 0, bytes: 0 })
  })

  it('nobody knows is an answer, not an error', async () => {
    expect(await askVisitor('DELETE', { site: 'demo', visitor: 'u:nobody' })).toMatchObject({
      status: 200,
      body: { found: { known: false, outbox: 0, setAside: 0, refusals: 0 } },
    })
  })
})

describe('an order about a visitor is refused', () => {
  const methods = ['GET', 'DELETE'] as const
  const cases: [string, Record<string, string>, number, string][] = [
    ['without a visitor', { site: 'demo' }, 400, 'invalid_visitor'],
    ['with an id but no kind', { site: 'demo', visitor: 'visitor-1' }, 400, 'invalid_visitor'],
    ['with a kind but no id', { site: 'demo', visitor: 'a:' }, 400, 'invalid_visitor'],
    ['for the refusals of all', { site: 'demo', visitor: '!refused' }, 400, 'invalid_visitor'],
    [
      'with an id of 300 characters',
      { ...name, visitor: `a:${'x'.repeat(300)}` },
      400,
      'invalid_visitor',
    ],
    ['with a line break', { ...name, visitor: 'a:x\ny' }, 400, 'invalid_visitor'],
    ['for a site that is not here', { site: 'elsewhere', visitor }, 404, 'unknown_site'],
    ['for no site', { visitor }, 404, 'unknown_site'],
  ]
  it.each(cases.flatMap((each) => methods.map((method) => [method, ...each] as const)))(
    '%s %s',
    async (method, _what, query, status, error) => {
      expect(await askVisitor(method, query)).toMatchObject({ status, body: { error } })
    },
  )

  it('that would go on after a place there is not', async () => {
    const answer = await askVisitor('GET', { ...name, after: 'visitors.1' })
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_after' } })
  })

  it.each(methods)('%s without a signature, an old one, or somebody else’s', async (method) => {
    await sendBatch([viewBy('visitor-1', 'm1')])
    const path = `${visitorPath}?${new URLSearchParams(name)}`
    const unsigned = await send(path, undefined, { key: null, method })
    const old = await askVisitor(method, name, { signedAtMs: Date.now() - 3_600_000 })
    const { privateKey } = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const foreign = await askVisitor(method, name, { key: privateKey })
    expect([unsigned, old, foreign].map(({ status, body }) => [status, body.error])).toEqual([
      [401, 'signature_missing'],
      [401, 'signature_expired'],
      [401, 'signature_invalid'],
    ])
    expect((await askVisitor('GET', name)).body).toMatchObject({ known: true })
  })

  it('sent a second time, or signed for the other method', async () => {
    const nonce = crypto.randomUUID()
    await askVisitor('DELETE', name, { nonce })
    const again = await askVisitor('DELETE', name, { nonce })
    expect(again).toMatchObject({ status: 401, body: { error: 'signature_replayed' } })
    const path = `${visitorPath}?${new URLSearchParams(name)}`
    const at = { nowMs: Date.now(), nonce: crypto.randomUUID() }
    const request = { method: 'GET', path, body: new Uint8Array() }
    const headers = await signRequest(await hubKey(), request, at)
    const turned = await send(path, undefined, { key: null, method: 'DELETE', headers })
    expect(turned).toMatchObject({ status: 401, body: { error: 'signature_invalid' } })
  })
})
