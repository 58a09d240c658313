import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hubMetrics } from '#hub/metrics.ts'
import type { Endpoint } from '#hub/webhooks/endpoint.ts'
import { Webhooks } from '#hub/webhooks/webhooks.ts'
import { patience } from '#test/support/local-system.ts'
import {
  answers,
  hangs,
  type Receiver,
  startReceiver,
  takes,
  webhookSecret,
} from '#test/support/webhook-receiver.ts'

let directory: string
let receiver: Receiver
const open: Webhooks[] = []
const metrics = hubMetrics({ siteIds: ['shop'], popUrls: [], retrainMs: 0, startedAtMs: 0 })

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shelfedge-webhooks-'))
  receiver = await startReceiver()
})
afterEach(async () => {
  await receiver.close()
  for (const webhooks of open.splice(0)) await webhooks.stop()
  rmSync(directory, { recursive: true })
})

function start(endpoints: readonly Partial<Endpoint>[] = [{}], allowPrivate = true): Webhooks {
  const webhooks = new Webhooks({
    ...{ directory, metrics, logger: pino({ level: 'silent' }), allowPrivate },
    endpoints: endpoints.map((changes) => ({
      ...{ name: 'crm', site: 'shop', url: receiver.url, secret: webhookSecret },
      ...changes,
    })),
    rules: {
      ...{ backoff: { firstMs: 1, longestMs: 20 }, attemptsMax: 4, timeMaxMs: 300, atOnceMax: 4 },
    },
    now: () => Date.now(),
    random: () => 0.5,
  })
  open.push(webhooks)
  return webhooks
}

/** A decision as the store has it. */
function decision(id: string, changes: Record<string, unknown> = {}) {
  return {
    ...{ decision_id: id, site: 'shop', visitor: 'a:1', at: '2026-01-05T12:00:00.000Z' },
    ...{ placement: 'product-page', kind: 'items', answer: '{}' },
    ...{ items: ['shoe-1'], scores: [0.5], message_id: '' },
    ...{ features: '{}', inputs: '{}', effects: '[]' },
    ...{ named_by: ['model'], names: [null], categories: [null], prices: [null] },
    ...{ release: 'e2c5', model: 'session-knn', fallback: '' },
    ...changes,
  }
}

const arrived = () => receiver.attempts.map(({ id }) => id)
const settled = (webhooks: Webhooks) =>
  vi.waitFor(() => expect(webhooks.list()[0]?.waiting).toBe(0), patience)

describe('a webhook', () => {
  it('is signed as Standard Webhooks says, and tells what the answer told', async () => {
    const webhooks = start()
    webhooks.enqueue([decision('d1')])
    await settled(webhooks)
    expect(receiver.state.refused).toBe(0)
    expect(receiver.attempts).toEqual([
      {
        id: 'd1',
        body: {
          type: 'decision.made',
          timestamp: '2026-01-05T12:00:00.000Z',
          data: {
            ...{ decisionId: 'd1', site: 'shop', visitor: 'a:1', placement: 'product-page' },
            ...{ kind: 'items', answer: {}, items: [{ id: 'shoe-1', score: 0.5, by: 'model' }] },
            at: Date.UTC(2026, 0, 5, 12),
            model: 'session-knn',
            ...{ release: 'e2c5', fallback: null },
          },
        },
      },
    ])
  })

  it('goes only to endpoints of its site that want its placement', async () => {
    const webhooks = start([{ placements: ['checkout'] }])
    const ids = { placement: 'checkout' }
    webhooks.enqueue([
      decision('d1'),
      decision('d2', ids),
      decision('d3', { ...ids, site: 'other' }),
    ])
    await settled(webhooks)
    expect(arrived()).toEqual(['d2'])
  })

  it('is sent again after a 500, and the visitor’s next one waits for it', async () => {
    receiver.state.behaviour = (received, attempt, response) =>
      (received.id === 'd1' && attempt < 3 ? answers(500) : takes)(received, attempt, response)
    const webhooks = start()
    webhooks.enqueue([decision('d1'), decision('d2'), decision('d3', { visitor: 'a:2' })])
    await settled(webhooks)
    expect(arrived().filter((id) => id !== 'd3')).toEqual(['d1', 'd1', 'd1', 'd2'])
  })

  it('is given up after its attempts, is listed with the reason, and is replayed', async () => {
    receiver.state.behaviour = answers(503)
    const webhooks = start()
    webhooks.enqueue([decision('d1')])
    await settled(webhooks)
    expect(webhooks.dead('crm')).toMatchObject([
      { id: 'd1', attempts: 4, reason: 'it answered 503' },
    ])
    receiver.state.behaviour = takes
    expect(webhooks.replay('crm', null)).toEqual({ replayed: 1 })
    await settled(webhooks)
    expect(webhooks.dead('crm')).toEqual([])
    expect(arrived()).toHaveLength(5)
  })

  it('that hangs holds up its endpoint for a time limit and no other endpoint at all', async () => {
    const second = await startReceiver()
    receiver.state.behaviour = hangs
    try {
      const webhooks = start([{}, { name: 'till', url: second.url }])
      webhooks.enqueue([decision('d1')])
      await vi.waitFor(() => expect(second.attempts).toHaveLength(1), patience)
      await settled(webhooks)
      expect(webhooks.dead('crm')).toMatchObject([{ reason: 'no answer within 300 ms' }])
    } finally {
      await second.close()
    }
  })

  it('is not redirected anywhere, least of all to a private address', async () => {
    const inside = await startReceiver()
    receiver.state.behaviour = answers(307, { location: inside.url })
    try {
      const webhooks = start()
      webhooks.enqueue([decision('d1')])
      await settled(webhooks)
      expect(webhooks.dead('crm')).toMatchObject([
        { attempts: 1, reason: 'it answered 307; redirects are not followed' },
      ])
      expect(inside.attempts.length + inside.state.refused).toBe(0)
    } finally {
      await inside.close()
    }
  })

  it.each(['127.0.0.1', 'localhost', '[::1]', '10.0.0.1', '169.254.169.254', '[::ffff:127.0.0.1]'])(
    'never goes to %s where private addresses are not allowed',
    async (host) => {
      const url = receiver.url.replace('127.0.0.1', host)
      const webhooks = start([{ url }], false)
      webhooks.enqueue([decision('d1')])
      await settled(webhooks)
      expect(webhooks.dead('crm')).toHaveLength(1)
      expect(receiver.attempts.length + receiver.state.refused).toBe(0)
    },
  )

  it('is not tried again where the endpoint says that it is gone', async () => {
    receiver.state.behaviour = answers(410)
    const webhooks = start()
    webhooks.enqueue([decision('d1')])
    await settled(webhooks)
    expect(webhooks.dead('crm')).toMatchObject([{ attempts: 1, reason: 'it answered 410' }])
    expect(webhooks.discard('crm', null)).toEqual({ discarded: 1 })
  })

  it('that waited when the hub ended is sent by the next one', async () => {
    receiver.state.behaviour = hangs
    const first = start()
    first.enqueue([decision('d1'), decision('d2')])
    open.pop()
    await first.stop()
    receiver.state.behaviour = takes
    const second = start()
    second.start()
    await settled(second)
    expect(arrived().slice(-2)).toEqual(['d1', 'd2'])
  })
})
