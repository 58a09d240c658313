import { runDurableObjectAlarm, SELF } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { popApp } from '#edge/app.ts'
import { environment } from '#edge/environment.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { packAndPush } from './hub-side.ts'
import { address, counter, forgetEverything, ownerOf, send, sendBatch, testEnv } from './pop.ts'

const waiting = { timeout: 15_000 }

const token = 'the-token-of-the-scraper-of-the-tests'
const followed = {
  sessions: [
    [0, 1],
    [0, 1],
    [1, 2],
  ],
  itemsTotal: 3,
}
let hub: FakeHub

beforeEach(() => {
  hub = startFakeHub()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

/** The POP with another setting; its objects and counters are the same. */
function popWith(changes: object) {
  const config = { ...environment.config, ...changes }
  return popApp({ ...environment, config } as typeof environment)
}

function view(messageId: string) {
  return rawEvent({ messageId, properties: { product_id: 'p' } })
}

describe('the metrics of a POP', () => {
  it('tell what waits for the hub, until the hub has it', async () => {
    expect(await counter('shelfedge_outbox_batches')).toBe(0)
    await sendBatch([view('m1')])
    await sendBatch([view('m2')])
    expect(await counter('shelfedge_outbox_batches')).toBe(2)
    const { bytes } = await ownerOf('a:visitor-1').backlog()
    expect(await counter('shelfedge_outbox_bytes')).toBe(bytes)
    expect(await counter('shelfedge_outbox_fullest_bytes')).toBe(bytes)
    expect(await counter('shelfedge_outbox_limit_bytes')).toBe(Number(testEnv.OUTBOX_BYTES_MAX))
    await vi.waitFor(
      async () => expect(await counter('shelfedge_outbox_oldest_age_seconds')).toBeGreaterThan(0),
      waiting,
    )
    await runDurableObjectAlarm(ownerOf('a:visitor-1'))
    expect(await counter('shelfedge_outbox_batches')).toBe(0)
    expect(await counter('shelfedge_outbox_oldest_age_seconds')).toBe(0)
  })

  it('count deliveries that failed and those that were acknowledged', async () => {
    const failed = await counter('shelfedge_forwards_total', 'outcome="failed"')
    const acknowledged = await counter('shelfedge_forwards_total', 'outcome="acknowledged"')
    await sendBatch([view('m1')])
    hub.answerWith(500)
    await runDurableObjectAlarm(ownerOf('a:visitor-1'))
    const failures = await counter('shelfedge_forwards_total', 'outcome="failed"')
    expect(failures).toBeGreaterThan(failed)
    hub.answerWith(200)
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(ownerOf('a:visitor-1'))
      const now = await counter('shelfedge_forwards_total', 'outcome="acknowledged"')
      expect(now).toBe(acknowledged + 1)
    }, waiting)
  })

  it('tell of a batch that was set aside', async () => {
    const before = await counter('shelfedge_batches_set_aside_total')
    await sendBatch([view('m1')])
    hub.answerWith(422)
    await runDurableObjectAlarm(ownerOf('a:visitor-1'))
    await vi.waitFor(
      async () => expect(await counter('shelfedge_outbox_set_aside_batches')).toBe(1),
      waiting,
    )
    expect(await counter('shelfedge_batches_set_aside_total')).toBe(before + 1)
  })

  it('show 429 as 0 before the first, so that the first is an increase', async () => {
    const text = await (await SELF.fetch(`${address}/metrics`)).text()
    expect(text).toContain('shelfedge_requests_refused_total{code="overloaded"}')
    expect(text).toContain('shelfedge_forwards_total{outcome="refused"}')
  })

  it('leave the outbox out where each visitor has an object of its own', async () => {
    const text = await (await popWith({ visitorShards: 0 }).request('/metrics')).text()
    expect(text).toContain('shelfedge_events_accepted_total')
    expect(text).not.toContain('shelfedge_outbox')
  })

  it('name sites and their releases to the holder of the token alone', async () => {
    const pushed = await packAndPush(smallRelease(followed))
    await send('/v1/decide', { placement: 'product-page', anonymousId: 'visitor-1' })
    const named = `shelfedge_live_release_info{site="demo",digest="${pushed.body.digest}"} 1`
    const open = await (await SELF.fetch(`${address}/metrics`)).text()
    expect(open).not.toContain('demo')
    const pop = popWith({ isMetricsToken: (sent: string) => sent === token })
    const guarded = (authorization: string) =>
      pop.request('/metrics', { headers: { authorization } })
    expect((await pop.request('/metrics')).status).toBe(401)
    expect((await guarded('Bearer something-else')).status).toBe(401)
    expect(await (await guarded(`Bearer ${token}`)).text()).toContain(named)
  })
})
