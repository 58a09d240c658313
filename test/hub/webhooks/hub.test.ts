import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { Schedule } from '#hub/schedule.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { baseMs } from '#test/support/events.ts'
import {
  adminToken,
  deliveryOf,
  openTestHub,
  signedIngest,
  type TestHub,
} from '#test/support/hub.ts'
import { patience } from '#test/support/local-system.ts'
import {
  answers,
  type Receiver,
  startReceiver,
  takes,
  webhookSecret,
} from '#test/support/webhook-receiver.ts'

let receiver: Receiver
let hub: TestHub
let app: ReturnType<typeof hubApp>
beforeAll(async () => {
  receiver = await startReceiver()
  const endpoint = { name: 'crm', site: 'shop', url: receiver.url, secret: webhookSecret }
  hub = await openTestHub({ WEBHOOKS: JSON.stringify([endpoint]), WEBHOOKS_ALLOW_PRIVATE: 'true' })
  app = hubApp(hub.environment, new Schedule(hub.environment))
})
afterAll(async () => {
  await hub?.close()
  await receiver?.close()
})

const record = (decisionId: string): DecisionRecord => ({
  ...{ kind: 'decision', decisionId, at: baseMs, placement: 'product-page', release: null },
  ...{ model: 'popularity', fallback: 'no_release', session: '', features: {} },
  ...{ inputs: {}, effects: [], answerKind: 'items', answer: {} },
  ...{ items: ['shoe-1'], scores: [1] },
})
let sequence = 0
const ingest = async (decisionId: string) =>
  app.request('/v1/ingest', await signedIngest(deliveryOf(++sequence, [record(decisionId)])))
async function ask(method: string, path: string): Promise<Response> {
  return app.request(path, { method, headers: { authorization: `Bearer ${adminToken}` } })
}

describe('a hub with a webhook', { timeout: 60_000 }, () => {
  it('tells the endpoint of a decision, which it then finds in the store', async () => {
    await ingest('d1')
    await vi.waitFor(() => expect(receiver.attempts.map(({ id }) => id)).toEqual(['d1']), patience)
    const sql = `SELECT decision_id FROM decisions_once WHERE decision_id = 'd1'`
    expect(await hub.environment.store.query(sql)).toHaveLength(1)
  })

  it('does not show a secret, and asks for the token', async () => {
    expect((await app.request('/v1/webhooks')).status).toBe(401)
    const text = await (await ask('GET', '/v1/webhooks')).text()
    expect(text).toContain('"waiting"')
    expect(text).not.toContain(webhookSecret)
  })

  it('forgets what waits for an endpoint of a visitor who is erased', async () => {
    receiver.state.behaviour = answers(503)
    await ingest('d2')
    await vi.waitFor(
      () => expect(receiver.attempts.some(({ id }) => id === 'd2')).toBe(true),
      patience,
    )
    await ask('DELETE', '/v1/visitors/a:1?site=shop')
    receiver.state.behaviour = takes
    expect(hub.environment.webhooks.list()).toMatchObject([{ waiting: 0, dead: 0 }])
  })

  it('answers a wrong endpoint or number with a sentence', async () => {
    expect((await ask('GET', '/v1/webhooks/nobody/dead')).status).toBe(404)
    const answer = await ask('POST', '/v1/webhooks/crm/replay?number=x')
    expect(await answer.json()).toEqual({
      error: 'invalid_number',
      detail: 'number is that of a delivery',
    })
  })
})
