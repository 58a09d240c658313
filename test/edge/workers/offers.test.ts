import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { numberOfCode, offerCodeKey } from '#shared/offers/code.ts'
import { offerRelease } from '#test/support/offer-release.ts'
import { startFakeLeases } from './fake-leases.ts'
import { askVisitor, packAndPush } from './hub-side.ts'
import { counter, forgetEverything, ownerOf, send, testEnv } from './pop.ts'

const waiting = { timeout: 30_000 }

afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

let budgets = 0
/** Makes an offer with a budget of its own live, and one without behind it. */
async function pushOffers(more: object = {}) {
  const budget = { id: `budget ${++budgets}`, issuesMax: 1_000 }
  const code = { from: 'generated' as const, prefix: 'SP-' }
  const offers = [
    { name: 'half', terms: { percent: 50 }, budget, code, ...more },
    { name: 'ten', terms: { percent: 10 }, code: 'TEN' },
  ]
  expect((await packAndPush(offerRelease('demo', offers))).status).toBe(200)
  return budget.id
}

async function ask(anonymousId: string) {
  const { status, body } = await send('/v1/decide', { placement: 'offer', anonymousId })
  expect(status).toBe(200)
  return body.answer as Record<string, unknown> & { code: string | null }
}

const everyone = (total: number) => Array.from({ length: total }, (_, at) => `visitor-${at}`)
const offers = () => testEnv.OFFERS.get(testEnv.OFFERS.idFromName('demo'))

describe('an offer with a budget', () => {
  it('is given as often as the hub grants it, then the next one is; each code is genuine', async () => {
    startFakeLeases({ issues: 7, units: 3 })
    const id = await pushOffers()
    const counted = 'shelfedge_offer_reservations_total'
    const before = await counter(counted, 'outcome="budget_spent"')
    const answers = await Promise.all(everyone(20).map(ask))
    const given = answers.filter(({ offer }) => offer === 'half')
    expect(given).toHaveLength(7)
    expect(answers.filter(({ offer }) => offer === 'ten')).toHaveLength(13)
    const key = offerCodeKey(testEnv.POP_SECRET as string, 'demo')
    const name = { offer: 'half', budget: id }
    const numbers = given.map(({ code }) => numberOfCode(key, name, code ?? '', 'SP-'))
    expect(numbers.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(await counter(counted, 'outcome="budget_spent"')).toBe(before + 13)
  })

  it('is one for a visitor, however often and at once it asks', async () => {
    startFakeLeases({ issues: 100, units: 50 })
    await pushOffers()
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('me')))
    expect(new Set(answers.map(({ code }) => code)).size).toBe(1)
    expect(await ask('me')).toEqual(answers[0])
    expect((await ask('you')).code).not.toBe(answers[0]?.code)
  })

  it('is given from the lease while the hub is away, and then it is unknown', async () => {
    const hub = startFakeLeases({ issues: 100, units: 3 })
    await pushOffers()
    expect((await ask('first')).offer).toBe('half')
    // The next lease comes when the first runs low, so the hub has granted two.
    await ask('second')
    await vi.waitFor(() => expect(hub.questions).toHaveLength(2), waiting)
    hub.state.isAway = true
    const answers = await Promise.all(everyone(6).map(ask))
    expect(answers.filter(({ offer }) => offer === 'half')).toHaveLength(4)
    const late = await send('/v1/decide', { placement: 'offer', anonymousId: 'late' })
    expect(late.body).toMatchObject({ answer: { offer: 'ten', code: 'TEN' } })
    await vi.waitFor(async () => {
      const { body } = await askVisitor('GET', { site: 'demo', visitor: 'a:late' })
      const batches = body.batches as { batch: { records: { effects: object[] }[] } }[]
      expect(batches[0]?.batch.records[0]).toMatchObject({
        inputs: { reservations: [{ offer: 'half', outcome: 'budget_unknown', code: null }] },
        effects: [{ name: 'half', reason: 'budget_unknown' }, { name: 'ten' }],
      })
    }, waiting)
  })

  it('is given once though its object ends after every one', async () => {
    startFakeLeases({ issues: 5, units: 5 })
    await pushOffers()
    const codes: unknown[] = []
    for (const visitor of everyone(5)) {
      codes.push((await ask(visitor)).code)
      await evictDurableObject(offers())
    }
    expect(new Set(codes).size).toBe(5)
    expect((await ask('late')).offer).toBe('ten')
    expect((await ask('visitor-0')).code).toBe(codes[0])
  })

  it('goes back to the hub when its time is over, but for what was handed out', async () => {
    const hub = startFakeLeases({ issues: 100, units: 10, returnAfterMs: 0 })
    await pushOffers()
    await ask('me')
    await runDurableObjectAlarm(offers())
    const [told, returned] = hub.questions.slice(1)
    expect(told?.used).toMatchObject([{ units: 1, closed: false }])
    expect(returned?.used).toMatchObject([{ units: 1, closed: true }])
    // Since visitors were there, the next part is asked for at once.
    expect(returned?.ask).not.toBeNull()
    expect(hub.state.granted).toBe(11)
  })

  it('stays where it is while the hub is away, though its time is over', async () => {
    const hub = startFakeLeases({ issues: 100, units: 10, returnAfterMs: 0 })
    await pushOffers()
    await ask('me')
    hub.state.isAway = true
    await runDurableObjectAlarm(offers())
    expect((await ask('you')).offer).toBe('half')
  })

  it('hands out the codes of a list in their order', async () => {
    const hub = startFakeLeases({ issues: 2, units: 2 })
    hub.state.codes = ['FIRST', 'SECOND']
    await pushOffers({ code: { from: 'list' }, perVisitor: 1 })
    expect((await ask('me')).code).toBe('FIRST')
    expect((await ask('you')).code).toBe('SECOND')
    expect((await ask('late')).offer).toBe('ten')
  })

  it('is told of a visitor, and erased with it; what was spent stays spent', async () => {
    const hub = startFakeLeases({ issues: 2, units: 2 })
    const id = await pushOffers()
    const { code } = await ask('me')
    const name = { site: 'demo', visitor: 'a:me' }
    const reservations = [{ offer: 'half', budget: id, code, times: 1 }]
    expect((await askVisitor('GET', name)).body).toMatchObject({ reservations })
    expect((await askVisitor('DELETE', name)).body).toMatchObject({ found: { reservations: 1 } })
    expect((await askVisitor('GET', name)).body).toMatchObject({ reservations: [] })
    expect((await ask('me')).code).not.toBe(code)
    expect((await ask('late')).offer).toBe('ten')
    expect(hub.state.granted).toBe(2)
  })
})

it('an offer without a budget asks nobody', async () => {
  const hub = startFakeLeases({ issues: 1, units: 1 })
  const offer = { name: 'once', terms: {}, perVisitor: 1, code: 'ONCE' }
  await packAndPush(offerRelease('demo', [offer]))
  expect(await ask('me')).toMatchObject({ offer: 'once', code: 'ONCE' })
  expect(await ask('me')).toMatchObject({ offer: 'once', code: 'ONCE' })
  expect(hub.questions).toEqual([])
  expect(await ownerOf('a:me').describe({ site: 'demo', visitor: 'a:me' }, null)).toMatchObject({
    memory: { offer: [{ offer: 'once', times: 1 }] },
  })
})
