import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { limits } from '#shared/limits.ts'
import { rawEvent, shelfEvent } from '#test/support/events.ts'
import { requestOf } from '#test/support/visitors.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { forgetEverything, ownerOf, send, sendBatch } from './pop.ts'

const owner = () => ownerOf('a:visitor-1')
const waiting = { timeout: 15_000 }
let hub: FakeHub

beforeEach(() => {
  hub = startFakeHub()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

function views(from: number, count: number, note = ''): object[] {
  return Array.from({ length: count }, (_, at) =>
    rawEvent({ messageId: `m${from + at}`, properties: { product_id: 'p', note } }),
  )
}

function alarmAt(): Promise<number | null> {
  return runInDurableObject(owner(), (_instance, state) => state.storage.getAlarm())
}

function forwarded(): string[] {
  const records = hub.batches().flatMap((batch) => batch.records)
  return records.map((record) => (record as { messageId: string }).messageId)
}

describe('an event', () => {
  it('is taken once across requests', async () => {
    expect((await sendBatch(views(1, 2))).body).toMatchObject({ accepted: 2, duplicates: 0 })
    expect((await sendBatch(views(2, 2))).body).toMatchObject({ accepted: 1, duplicates: 1 })
    await runDurableObjectAlarm(owner())
    expect(forwarded()).toEqual(['m1', 'm2', 'm3'])
  })

  it('is taken once however many send it at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => sendBatch(views(1, 3))))
    const accepted = answers.map((answer) => answer.body.accepted as number)
    expect(accepted.reduce((total, count) => total + count, 0)).toBe(3)
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
  })

  it('is still known after the object was evicted from memory', async () => {
    await sendBatch(views(1, 2))
    await evictDurableObject(owner())
    expect((await sendBatch(views(1, 2))).body).toMatchObject({ accepted: 0, duplicates: 2 })
  })

  it('is in the session a decision is made from, and both are forwarded in one batch', async () => {
    const question = { placement: 'product-page', anonymousId: 'visitor-1' }
    const answer = await send('/v1/decide', { ...question, events: views(1, 1) })
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } })
    await runDurableObjectAlarm(owner())
    expect(hub.batches()).toHaveLength(1)
    expect(hub.batches()[0]?.records).toMatchObject([
      { kind: 'event', messageId: 'm1' },
      { kind: 'decision', decisionId: answer.body.decisionId, features: { views: 1 } },
    ])
  })

  it('that was refused is forwarded too, with its reason', async () => {
    await sendBatch([rawEvent({ type: 'purchase' })])
    await runDurableObjectAlarm(ownerOf('!refused'))
    const records = hub.batches().flatMap((batch) => batch.records)
    expect(records).toMatchObject([{ kind: 'refusal', reason: 'unknown_type' }])
  })
})

describe('forwarding', () => {
  it('goes in order, signed so that the hub can check it, and empties the outbox', async () => {
    for (const number of [1, 2, 3]) await sendBatch(views(number, 1))
    expect(await runDurableObjectAlarm(owner())).toBe(true)
    expect(hub.refusals).toEqual([null])
    const outbox = { batches: 3, bytes: expect.any(Number), oldestAgeMs: expect.any(Number) }
    expect(hub.deliveries).toMatchObject([{ pop: 'pop-under-test', region: 'local', outbox }])
    expect(hub.batches().map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(await owner().backlog()).toEqual({ batches: 0, bytes: 0 })
  })

  it('numbers concurrent commits without a gap', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, at) => sendBatch(views(at, 1))))
    await runDurableObjectAlarm(owner())
    const expected = Array.from({ length: 30 }, (_, at) => at + 1)
    expect(hub.batches().map(({ sequence }) => sequence)).toEqual(expected)
  })

  it.each([500, 401, 'unreachable' as const])(
    'keeps everything and arms itself again where the hub is not well: %s',
    async (status) => {
      await sendBatch(views(1, 2))
      const before = await owner().backlog()
      hub.answerWith(status)
      expect(await runDurableObjectAlarm(owner())).toBe(true)
      expect(await owner().backlog()).toEqual(before)
      // Its own retry may be running at this moment, and then no alarm is set until it has ended.
      await vi.waitFor(async () => expect(await alarmAt()).toBeGreaterThan(0), waiting)
      await sendBatch(views(3, 1))
      hub.answerWith(200)
      expect(await runDurableObjectAlarm(owner())).toBe(true)
      expect(forwarded()).toEqual(['m1', 'm2', 'm3'])
      expect(new Set(hub.refusals)).toEqual(new Set([null]))
    },
  )

  it.each([
    ['a page of a guest network', () => new Response('<html>Welcome</html>')],
    ['somebody that answers JSON', () => Response.json({ ok: true })],
    ['a receipt for less than was sent', () => Response.json({ accepted: 1, duplicates: 0 })],
    ['a 413 of a proxy', () => new Response('<html>Too Large</html>', { status: 413 })],
    ['a 422 of a proxy', () => new Response('<html>Unprocessable</html>', { status: 422 })],
    [
      'a 422 of another service',
      () => Response.json({ error: 'no', detail: 'no' }, { status: 422 }),
    ],
  ])('keeps everything where what answers is not the hub: %s', async (_what, answer) => {
    await sendBatch(views(1, 1))
    await sendBatch(views(2, 1))
    hub.answerWith(answer)
    await runDurableObjectAlarm(owner())
    expect((await owner().outbox()).setAsideBatches).toBe(0)
    hub.answerWith(200)
    await runDurableObjectAlarm(owner())
    await vi.waitFor(() => expect(new Set(forwarded())).toEqual(new Set(['m1', 'm2'])), waiting)
    expect(new Set(hub.redirects)).toEqual(new Set(['manual']))
  })

  it('goes on past a batch the hub does not take, and sends it again when the object starts anew', async () => {
    await sendBatch(views(1, 1))
    await sendBatch(views(2, 1))
    hub.answerWith(422)
    await runDurableObjectAlarm(owner())
    await vi.waitFor(async () => expect((await owner().backlog()).batches).toBe(0), waiting)
    hub.answerWith(200)
    await sendBatch(views(3, 1))
    await runDurableObjectAlarm(owner())
    await vi.waitFor(() => expect(forwarded()).toContain('m3'), waiting)
    expect(forwarded()).not.toContain('m1')
    expect(await alarmAt()).toBeLessThanOrEqual(Date.now() + limits.setAsideRetryMs)
    await evictDurableObject(owner())
    await runDurableObjectAlarm(owner())
    await vi.waitFor(() => expect(forwarded()).toEqual(['m3', 'm1', 'm2']), waiting)
    expect((await owner().outbox()).setAsideBatches).toBe(0)
  })

  it('commits the others where a request that waited with them throws', async () => {
    const good = (visitor: string) =>
      requestOf([shelfEvent({ messageId: visitor })], { visitor: `a:${visitor}` })
    const bad = requestOf([shelfEvent({ items: null as never })], { visitor: 'a:bad' })
    const outcomes = await runInDurableObject(owner(), (visitors) =>
      Promise.allSettled([good('x'), bad, good('y')].map((each) => visitors.commit([each]))),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await runDurableObjectAlarm(owner())
    await vi.waitFor(() => expect(forwarded()).toEqual(['x', 'y']), waiting)
  })

  it('of a forgotten outbox is taken up by the watchdog when the object wakes', async () => {
    await sendBatch(views(1, 1))
    await runInDurableObject(owner(), (_instance, state) => state.storage.deleteAlarm())
    await evictDurableObject(owner())
    expect((await owner().backlog()).batches).toBe(1)
    await vi.waitFor(
      async () => expect(await owner().backlog()).toEqual({ batches: 0, bytes: 0 }),
      waiting,
    )
    expect(forwarded()).toEqual(['m1'])
  })

  it('leaves an alarm for the day on which the visitor is to be forgotten', async () => {
    const before = Date.now()
    await sendBatch(views(1, 1))
    await runDurableObjectAlarm(owner())
    expect(await alarmAt()).toBeGreaterThanOrEqual(before + limits.visitorRetentionMs)
  })
})

describe('a full outbox', () => {
  it('answers 429 with when to come again, and takes it again once there is room', async () => {
    const note = 'x'.repeat(30_000)
    hub.answerWith('unreachable')
    let last = await sendBatch(views(0, 15, note))
    for (let number = 1; number < 4; number++) last = await sendBatch(views(number * 15, 15, note))
    expect(last).toMatchObject({ status: 429, body: { error: 'overloaded' } })
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
    hub.answerWith(200)
    await runDurableObjectAlarm(owner())
    expect((await sendBatch(views(45, 15, note))).body).toMatchObject({ accepted: 15 })
    await runDurableObjectAlarm(owner())
    expect(new Set(forwarded()).size).toBe(60)
    expect(forwarded()).toHaveLength(60)
  })
})
