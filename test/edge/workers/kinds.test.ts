import { afterEach, describe, expect, it } from 'vitest'
import type { Placement, Policy } from '#shared/policy.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, send, sendBatch } from './pop.ts'

afterEach(forgetEverything)

const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })
const catalogue = {
  items: release.catalogue.items.map((item, at) => ({ ...item, price: 10 + at })),
}
const event = { amount: 'double', fare: 'double', pulse: 'double' } as const

const placements: Policy['placements'] = {
  segment: {
    kind: 'segment',
    segments: [{ name: 'looking', when: 'session.views >= 2' }],
    otherwise: 'new',
  },
  verdict: {
    ...{ kind: 'verdict', event, unsure: 'review' },
    rules: [
      { name: 'large', verdict: 'block', when: 'event.amount > 1000.0', reason: 'too large' },
    ],
  },
  price: {
    ...{ kind: 'price', base: 'current.price', floor: 1, ceiling: 11.5, step: 0.5, heldMs: 60_000 },
    ...{ subject: 'current.id' },
    rules: [{ name: 'busy', effect: 'factor', by: '1.0 + double(session.views) / 10.0' }],
  },
  alert: {
    ...{ kind: 'alert', event, acknowledgedBy: 'Alarm Acknowledged' },
    levels: [{ severity: 'warning', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' }],
  },
  offer: {
    kind: 'offer',
    offers: [{ name: 'ten-off', when: 'session.views >= 2', terms: { percent: 10 } }],
  },
}

function push(changed: Record<string, Placement> = {}, more: Partial<Policy> = {}) {
  const policy = { ...release.policy, ...more, placements: { ...placements, ...changed } }
  return packAndPush({ ...release, policy, catalogue })
}

let sent = 0
async function ask(placement: string, ...events: object[]) {
  const raw = events.map((each) =>
    rawEvent({
      messageId: `m-${++sent}`,
      anonymousId: 'me',
      timestamp: new Date(Date.now() + sent).toISOString(),
      ...each,
    }),
  )
  const { status, body } = await send('/v1/decide', { placement, anonymousId: 'me', events: raw })
  expect(status).toBe(200)
  return body as Record<string, unknown> & { answer: Record<string, unknown> }
}
const view = (item: number) => ({ properties: { product_id: `item-${item}` } })
const happened = (name: string, properties: object) => ({ event: name, properties })

describe('a placement', () => {
  it('of every kind answers over the same route, and says of which kind it is', async () => {
    await push()
    for (const kind of Object.keys(placements)) {
      expect(await ask(kind)).toMatchObject({ placement: kind, kind, items: [], fallback: null })
    }
  })

  it('segment changes within the session, with the event that changes it', async () => {
    await push()
    expect((await ask('segment', view(0))).answer).toMatchObject({ segment: 'new', before: null })
    const changed = await ask('segment', view(1))
    expect(changed.answer).toMatchObject({ segment: 'looking', before: 'new' })
    const same = await ask('segment')
    expect(same.answer).toMatchObject({ before: 'looking', since: changed.answer.since })
  })

  it('verdict reads the event, and is unsure where it lacks what a rule needs', async () => {
    await push()
    const blocked = await ask('verdict', happened('Paid', { amount: 5_000 }))
    expect(blocked.answer).toMatchObject({ verdict: 'block', reasons: [{ by: 'large' }] })
    expect((await ask('verdict', happened('Paid', { amount: 5 }))).answer.verdict).toBe('allow')
    const name = 'shelfedge_rule_failures_total{effect="verdict"}'
    const before = await counter(name)
    expect((await ask('verdict', happened('Paid', {}))).answer.verdict).toBe('review')
    expect(await counter(name)).toBe(before + 1)
  })

  it('price is the same for the visitor while it is held, and within its rails', async () => {
    await push()
    const first = await ask('price', view(0))
    expect(first.answer).toMatchObject({ price: 11, held: false, rail: null })
    expect((await ask('price', view(0))).answer).toMatchObject({ price: 11, held: true })
    const other = await ask('price', view(2))
    expect(other.answer).toMatchObject({ subject: 'item-2', price: 11.5, rail: 'ceiling' })
  })

  it('price is one for a visitor, however many ask at once', async () => {
    const dear: Placement = {
      ...{ kind: 'price', base: 'double(session.views)', subject: '"seat"', floor: 0 },
      ...{ ceiling: 100, step: 1, heldMs: 60_000, rules: [] },
    }
    await push({ price: dear })
    const answers = await Promise.all([0, 1, 2, 0, 1].map((item) => ask('price', view(item))))
    expect(new Set(answers.map(({ answer }) => answer.price)).size).toBe(1)
  })

  it('alert stays until its second threshold, and is quiet once it is acknowledged', async () => {
    await push()
    const pulse = (value: number) => ask('alert', happened('Pulse', { pulse: value }))
    expect((await pulse(120)).answer).toMatchObject({ severity: 'warning', notify: true })
    expect((await pulse(105)).answer).toMatchObject({ severity: 'warning', notify: false })
    const heard = await ask('alert', happened('Alarm Acknowledged', {}))
    expect(heard.answer).toMatchObject({ severity: 'warning', acknowledged: true })
    expect((await pulse(90)).answer).toMatchObject({ severity: null, acknowledged: false })
  })

  it('alert that listens hears an acknowledgement that comes alone', async () => {
    await push({ alert: { ...placements.alert, on: ['Pulse'] } as Placement })
    const post = async (...given: Parameters<typeof happened>) => {
      const raw = { messageId: `m-${++sent}`, anonymousId: 'me', ...happened(...given) }
      const { body } = await sendBatch([rawEvent({ ...raw, timestamp: new Date().toISOString() })])
      return body.decisions
    }
    expect(await post('Pulse', { pulse: 120 })).toMatchObject([
      { answer: { severity: 'warning', notify: true, acknowledged: false } },
    ])
    expect(await post('Alarm Acknowledged', {})).toMatchObject([
      { answer: { severity: 'warning', notify: false, acknowledged: true } },
    ])
  })

  it('offer says what it offers, or why nothing', async () => {
    await push()
    expect((await ask('offer', view(0))).answer).toMatchObject({
      offer: null,
      reason: 'not_eligible',
    })
    const second = await ask('offer', view(1))
    expect(second.answer).toMatchObject({ offer: 'ten-off', terms: { percent: 10 }, reason: null })
  })

  it('offer says that the visitor goes without, in a holdout', async () => {
    const variants = { in: 0, out: 1 }
    const coupons: Policy['experiments'][string] = {
      ...{ variants, holdout: { variant: 'out', answer: 'nothing', placements: ['offer'] } },
    }
    await push({}, { experiments: { coupons } })
    await ask('offer', view(0))
    expect(await ask('offer', view(1))).toMatchObject({
      ...{ fallback: 'holdout', answer: { offer: null, reason: 'holdout' } },
    })
  })
})
