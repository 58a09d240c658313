import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { type ProfilesQuestion, profilesPath } from '#shared/contract.ts'
import { importPopKey } from '#shared/keys.ts'
import { limits } from '#shared/limits.ts'
import { verifyRequest } from '#shared/signature.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease, tabularModel } from '#test/support/release.ts'
import { startFakeHub } from './fake-hub.ts'
import { askVisitor, packAndPush } from './hub-side.ts'
import { counter, forgetEverything, ownerOf, send, sendBatch, testEnv } from './pop.ts'

const waiting = { timeout: 30_000 }

afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

/** A hub in place of `fetch` that knows three orders of everybody. */
function startFakeProfiles() {
  const state = { isAway: false, refuses: '' }
  const questions: ProfilesQuestion[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const { pathname } = new URL(String(input))
    if (state.isAway || pathname !== profilesPath) throw new TypeError('Network connection lost.')
    const body = new Uint8Array(init?.body as Uint8Array<ArrayBuffer>)
    const headers = new Headers(init?.headers)
    const key = await importPopKey(testEnv.POP_SECRET as string)
    const request = { method: 'POST', path: pathname, body }
    const header = (name: string) => headers.get(name)
    const refusal = await verifyRequest(key, request, header, { claim: () => true }, Date.now())
    if (refusal) return new Response(refusal, { status: 401 })
    const question: ProfilesQuestion = JSON.parse(new TextDecoder().decode(body))
    questions.push(question)
    if (question.visitors.some(({ visitor }) => visitor === state.refuses)) {
      return Response.json({ error: 'too_much_to_read', detail: '' }, { status: 422 })
    }
    const values = { orders: 3, favouriteCategory: 'shoes', ofANewerHub: 1 }
    return Response.json({ profiles: question.visitors.map(({ asOf }) => ({ asOf, values })) })
  })
  return { state, questions }
}

/** A placement whose model reads the orders of a profile and what is liked. */
function readingProfiles() {
  const small = smallRelease({ sessions: [[0, 1]], itemsTotal: 2 })
  const model = tabularModel([{ name: 'orders', from: 'profile.orders' }])
  const favourite = {
    ...{ name: 'favourite', from: 'profile.favouriteCategory', type: 'text' as const },
    categories: ['shoes', 'socks'],
  }
  const review = { kind: 'items' as const, model: 'will-buy', itemsMax: 10, rules: [] }
  const weights = Float32Array.of(1, 1, 0)
  return {
    ...small,
    manifest: {
      ...small.manifest,
      models: {
        ...small.manifest.models,
        'will-buy': { ...model, features: [...model.features, favourite] },
      },
    },
    models: {
      ...small.models,
      'will-buy': buildTabularModel({ kind: 'logistic', weights, bias: Float32Array.of(0) }, 3),
    },
    policy: { ...small.policy, placements: { ...small.policy.placements, review } },
  }
}

let sent = 0
function decide(anonymousId: string) {
  const events = [{ ...rawEvent({ messageId: `profile ${++sent}` }), anonymousId }]
  return send('/v1/decide', { placement: 'review', anonymousId, events })
}

const told = () => counter('shelfedge_profiles_total', 'outcome="told"')
const profileOf = async (visitor: string) =>
  (await askVisitor('GET', { site: 'demo', visitor })).body.profile as object | null

async function featuresStored(visitor: string) {
  const hub = startFakeHub()
  await runDurableObjectAlarm(ownerOf(visitor))
  return hub
    .batches()
    .flatMap(({ records }) => records as Record<string, unknown>[])
    .filter(({ kind }) => kind === 'decision')
    .map(({ features }) => features as Record<string, unknown>)
}

describe('a profile at a POP', () => {
  it('comes after the first decision of a session, which waits for nothing; the next has it', async () => {
    const hub = startFakeProfiles()
    expect((await packAndPush(readingProfiles())).status).toBe(200)
    const first = await decide('me')
    expect(first).toMatchObject({ status: 200, body: { model: 'will-buy', fallback: null } })
    await vi.waitFor(async () => expect(await profileOf('a:me')).not.toBeNull(), waiting)
    await decide('me')
    expect(hub.questions).toHaveLength(1)
    expect(hub.questions[0]).toMatchObject({ site: 'demo', visitors: [{ visitor: 'a:me' }] })
    const [without, having] = await featuresStored('a:me')
    expect(without).toMatchObject({ inputs: { orders: 0, favourite: '' } })
    expect(without).not.toHaveProperty('profile')
    const asOf = hub.questions[0]?.visitors[0]?.asOf
    expect(having).toMatchObject({
      inputs: { orders: 3, favourite: 'shoes' },
      profile: { asOf, values: { orders: 3, favouriteCategory: 'shoes' } },
    })
  })

  it('comes before there is a model where the next is to learn from it', async () => {
    const hub = startFakeProfiles()
    const small = smallRelease({ sessions: [[0, 1]], itemsTotal: 2 })
    const features = [
      { name: 'orders', from: 'profile.orders', type: 'number' as const, imputed: 0 },
    ]
    const demand = {
      ...{ learns: 'demand' as const, placement: 'review', withinMs: 1_000, features },
      ...{ prices: { from: 0.5, to: 2, step: 0.1 }, bought: { event: 'Order Completed' } },
      byChance: { experiment: 'prices', variants: ['low', 'high'] },
    }
    const review = {
      ...{ kind: 'price' as const, model: 'demand', base: '100.0', subject: '"seat"' },
      ...{ floor: 1, ceiling: 1_000, step: 0.01, heldMs: 0 },
      rules: [
        { name: 'low', effect: 'factor' as const, by: '0.7', when: 'variant.prices == "low"' },
      ],
    }
    const policy = {
      ...small.policy,
      experiments: { prices: { variants: { none: 0, low: 1, high: 1 } } },
      ...{ models: { demand }, placements: { ...small.policy.placements, review } },
    }
    expect((await packAndPush({ ...small, policy })).status).toBe(200)
    await decide('me')
    await vi.waitFor(async () => expect(await profileOf('a:me')).not.toBeNull(), waiting)
    await decide('me')
    expect(hub.questions).toHaveLength(1)
    expect(await featuresStored('a:me')).toMatchObject([
      { inputs: { orders: 0 } },
      { inputs: { orders: 3 } },
    ])
  })

  it('costs nothing but itself while the hub is away, and comes when it is back', async () => {
    const hub = startFakeProfiles()
    await packAndPush(readingProfiles())
    hub.state.isAway = true
    const failures = () => counter('shelfedge_profiles_total', 'outcome="failed"')
    const before = await failures()
    expect(await decide('me')).toMatchObject({ status: 200, body: { fallback: null } })
    await vi.waitFor(async () => expect(await failures()).toBeGreaterThan(before), waiting)
    expect((await decide('me')).status).toBe(200)
    hub.state.isAway = false
    await vi.waitFor(async () => expect(await profileOf('a:me')).not.toBeNull(), waiting)
  })

  it('is asked for in few questions, though a thousand sessions begin at once', async () => {
    const hub = startFakeProfiles()
    await packAndPush(readingProfiles())
    await decide('warm')
    await vi.waitFor(async () => expect(await profileOf('a:warm')).not.toBeNull(), waiting)
    const before = await told()
    const batches = Array.from({ length: 10 }, (_, batch) =>
      Array.from({ length: 100 }, (_, at) =>
        rawEvent({ messageId: `rush ${batch} ${at}`, anonymousId: `${batch}-${at}` }),
      ),
    )
    await Promise.all(batches.map((batch) => sendBatch(batch)))
    await vi.waitFor(async () => expect(await told()).toBe(before + 1_000), waiting)
    const asked = hub.questions.slice(1)
    expect(asked.length).toBeLessThanOrEqual(1_000 / limits.profileBatchMax + 5)
    const named = asked.flatMap(({ visitors }) => visitors.map(({ visitor }) => visitor))
    expect(new Set(named).size).toBe(named.length)
  })

  it('is told of everybody but the one whom the hub can tell nothing of', async () => {
    const hub = startFakeProfiles()
    await packAndPush(readingProfiles())
    const refused = () => counter('shelfedge_profiles_total', 'outcome="refused"')
    const [toldBefore, refusedBefore] = [await told(), await refused()]
    hub.state.refuses = 'a:heavy'
    const names = ['heavy', ...Array.from({ length: 20 }, (_, at) => `calm ${at}`)]
    await decide('warm')
    await sendBatch(
      names.map((anonymousId) => rawEvent({ messageId: `beside ${anonymousId}`, anonymousId })),
    )
    await vi.waitFor(async () => expect(await told()).toBe(toldBefore + names.length), waiting)
    await vi.waitFor(async () => expect(await refused()).toBe(refusedBefore + 1), waiting)
    expect(await profileOf('a:heavy')).toBeNull()
  })

  it('is asked of nobody where no model reads it', async () => {
    const hub = startFakeProfiles()
    await packAndPush(smallRelease({ sessions: [[0, 1]], itemsTotal: 2 }))
    await send('/v1/decide', {
      ...{ placement: 'product-page', anonymousId: 'me' },
      events: [{ ...rawEvent({ messageId: 'unread' }), anonymousId: 'me' }],
    })
    await runDurableObjectAlarm(ownerOf('a:me'))
    expect(hub.questions).toEqual([])
    expect(await profileOf('a:me')).toBeNull()
  })

  it('is erased with the visitor', async () => {
    startFakeProfiles()
    await packAndPush(readingProfiles())
    await decide('me')
    await vi.waitFor(async () => expect(await profileOf('a:me')).not.toBeNull(), waiting)
    await askVisitor('DELETE', { site: 'demo', visitor: 'a:me' })
    expect(await profileOf('a:me')).toBeNull()
  })
})
