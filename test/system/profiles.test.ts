import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { patience, startTestSystem, type TestSystem, viewOf } from '#test/support/local-system.ts'

// What a visitor did long ago comes from the store to the POP, into a decision, and out of the store again.

const policy = `
placements:
  loyalty:
    kind: segment
    model: loyalty
    segments: [{ name: loyal, when: score > 0.9 }]
    otherwise: new
`
const features = [
  { name: 'orders', from: 'profile.orders', type: 'number', imputed: 0 },
  { name: 'daysSinceLastOrder', from: 'profile.daysSinceLastOrder', type: 'number', imputed: 0 },
]

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem({}, policy)
}, 120_000)
afterAll(() => on?.remove())

async function hub<Answered>(path: string, init: RequestInit = {}): Promise<Answered> {
  const headers = { authorization: `Bearer ${on.system.secrets.adminToken}` }
  const response = await fetch(on.system.hubUrl + path, { headers, ...init })
  return (await response.json()) as Answered
}

/** Makes a model of the two features live. */
async function goLive() {
  const weights = Float32Array.of(2, -0.01)
  const file = buildTabularModel({ kind: 'logistic', weights, bias: Float32Array.of(0) }, 2)
  const form = new FormData()
  form.set('name', 'loyalty')
  form.set('declaration', JSON.stringify({ family: 'tabular', features }))
  form.set('model', new File([file as Uint8Array<ArrayBuffer>], 'loyalty.onnx'))
  const pushed = await hub<{ release: string; reason: string }>('/v1/models?site=shop', {
    ...{ method: 'POST', body: form },
  })
  expect(pushed).toMatchObject({ accepted: true, code: null })
  await hub(`/v1/releases/${pushed.release}/promote?site=shop`, { method: 'POST' })
  return pushed.release
}

const decided: string[] = []
async function decide(visitor: string) {
  const event = { ...viewOf(visitor, 'first-1-a'), messageId: randomUUID() }
  const body = JSON.stringify({ anonymousId: visitor, placement: 'loyalty', events: [event] })
  const headers = { authorization: `Basic ${btoa('shop-key:')}` }
  const init = { method: 'POST', headers, body }
  const response = await fetch(`${on.system.popUrl}/v1/decide`, init)
  expect(response.status).toBe(200)
  const answer = (await response.json()) as {
    readonly decisionId: string
    readonly release: string | null
    readonly answer: { readonly segment: string }
  }
  decided.push(answer.decisionId)
  return answer
}

interface Told {
  readonly features: { readonly inputs: object; readonly profile?: { readonly asOf: number } }
}

it('a profile is in the decisions of the next session, which the hub makes again', async () => {
  const longAgo = new Date(Date.now() - 50 * 86_400_000).toISOString()
  const orders = ['one', 'two'].map((messageId) => ({
    ...{ type: 'track', event: 'Order Completed', anonymousId: 'buyer', messageId },
    ...{ timestamp: longAgo, properties: { total: 20 } },
  }))
  await on.post('shop', orders)
  const stored = "SELECT count() FROM events_once WHERE site = 'shop'"
  await vi.waitFor(async () => expect(await on.count(stored)).toBe(2), patience)
  const release = await goLive()
  await vi.waitFor(async () => expect((await decide('watcher')).release).toBe(release), patience)

  expect((await decide('buyer')).answer).toMatchObject({ segment: 'new' })
  await vi.waitFor(
    async () => expect((await decide('buyer')).answer).toMatchObject({ segment: 'loyal' }),
    patience,
  )
  expect((await decide('somebody new')).answer).toMatchObject({ segment: 'new' })

  const sql = "SELECT count() FROM decisions_once WHERE site = 'shop' AND placement = 'loyalty'"
  await vi.waitFor(async () => expect(await on.count(sql)).toBe(decided.length), patience)
  for (const id of decided) {
    expect(await hub(`/v1/decisions/${id}/replay?site=shop`)).toMatchObject({ same: true })
  }
  const last = decided.at(-2)
  const told = await hub<Told>(`/v1/decisions/${last}?site=shop`)
  expect(told.features).toMatchObject({
    inputs: { orders: 2, daysSinceLastOrder: expect.closeTo(50, 1) },
    profile: { values: { orders: 2, spend: 40, visits: 1, favouriteCategory: null } },
  })
}, 180_000)
