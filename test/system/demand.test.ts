import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { variantsOf } from '#shared/policy/variant.ts'
import { demandPolicy, readDemandPolicy, travellers } from '#test/support/demand.ts'
import { minuteMs } from '#test/support/events.ts'
import { patience, startTestSystem, type TestSystem, viewOf } from '#test/support/local-system.ts'

// Prices that a POP shows by chance teach the hub, and the POP asks by what it has learned.

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem({}, demandPolicy)
}, 120_000)
afterAll(() => on?.remove())

const dayMs = 24 * 60 * minuteMs
/** Each searches once, the first two days ago, so that it is known by now who has bought. */
const searchers = travellers(700)
const startedAt = Date.now() - 2 * dayMs
const timeOf = (at: number) => startedAt + at * minuteMs

interface Priced {
  readonly decisionId: string
  readonly messageId: string
  readonly release: string
  readonly fallback: string | null
  readonly answer: { readonly price: number }
}

function event(name: string, at: number, ms: number, properties: object = {}) {
  return {
    ...viewOf(`traveller ${at}`, 'a seat', { flight: 'BER/LIS', fare: 100, ...properties }),
    ...{ event: name, messageId: `${name}/${at}`, timestamp: new Date(ms).toISOString() },
  }
}

async function search(events: readonly object[]): Promise<readonly Priced[]> {
  const { decisions } = (await on.post('shop', events)) as { decisions?: readonly Priced[] }
  return decisions ?? []
}

/** Numbers of travellers who did nothing before. */
let newcomers = 100_000
/** Trains, and waits until the POP answers by what came of it. */
async function released(): Promise<readonly { readonly outcome: string }[]> {
  const { outcome, digest, models } = await on.retrain('shop')
  expect(outcome).toBe('published')
  await vi.waitFor(async () => {
    const [told] = await search([event('Fare Searched', ++newcomers, Date.now())])
    expect(told?.release).toBe(digest)
  }, patience)
  return (models ?? []) as readonly { readonly outcome: string }[]
}

it('a price is by the rules until chance has taught it, and by what was learned from then on', async () => {
  expect(await released()).toMatchObject([{ name: 'demand', outcome: 'too_little' }])
  const told: Priced[] = []
  for (let from = 0; from < searchers.length; from += 40) {
    const part = searchers.slice(from, from + 40)
    const prices = await search(
      part.map(({ at, business }) => event('Fare Searched', at, timeOf(at), { business })),
    )
    told.push(...prices)
    const bookings = prices.flatMap(({ messageId, answer }) => {
      const at = Number(messageId.split('/')[1])
      const isWorthIt = answer.price <= 100 * (searchers[at]?.worth ?? 0)
      return isWorthIt ? [event('Booking Completed', at, timeOf(at) + minuteMs)] : []
    })
    if (bookings.length > 0) await on.post('shop', bookings)
  }
  expect(told).toHaveLength(searchers.length)
  expect(new Set(told.map(({ fallback }) => fallback))).toEqual(new Set(['model_missing']))
  const stored = "SELECT count() FROM decisions_once WHERE visitor LIKE 'a:traveller%'"
  await vi.waitFor(
    async () => expect(await on.count(stored)).toBeGreaterThanOrEqual(told.length),
    patience,
  )
  expect(await released()).toMatchObject([{ name: 'demand', outcome: 'learned' }])
  const policy = readDemandPolicy()
  const isAsked = (at: number) => variantsOf(policy, `a:traveller ${at}`).prices === 'none'
  const [one, other] = Array.from({ length: 100 }, (_, at) => 5_000 + at).filter(isAsked) as [
    number,
    number,
  ]
  const [free, bound] = await search([
    event('Fare Searched', one, Date.now(), { business: false }),
    event('Fare Searched', other, Date.now(), { business: true }),
  ])
  expect([free?.fallback, bound?.fallback]).toEqual([null, null])
  expect(free?.answer.price).toBeLessThan(130)
  expect(bound?.answer.price).toBeGreaterThan(130)
  const headers = { authorization: `Bearer ${on.system.secrets.adminToken}` }
  await vi.waitFor(async () => {
    for (const { decisionId } of [told[0], bound] as Priced[]) {
      const path = `${on.system.hubUrl}/v1/decisions/${decisionId}/replay`
      const response = await fetch(path, { headers })
      expect(await response.json()).toMatchObject({ same: true, differences: [] })
    }
  }, patience)
}, 240_000)
