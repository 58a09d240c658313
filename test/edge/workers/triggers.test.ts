import { afterEach, describe, expect, it } from 'vitest'
import type { VisitorDescription } from '#edge/visitors/describe.ts'
import { limits } from '#shared/limits.ts'
import type { Policy } from '#shared/policy.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { counter, forgetEverything, ownerOf, send, sendBatch } from './pop.ts'

afterEach(forgetEverything)

const event = { amount: 'double', pulse: 'double' } as const
const placements: Policy['placements'] = {
  fraud: {
    ...{ kind: 'verdict', event, unsure: 'review', on: ['Payment Submitted'] },
    rules: [{ name: 'large', verdict: 'block', when: 'event.amount > 1000.0' }],
  },
  ward: {
    ...{ kind: 'alert', event, on: ['Pulse Measured'] },
    levels: [{ severity: 'warning', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' }],
  },
}
const me = { site: 'demo', visitor: 'a:me' }
const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })
const push = () => packAndPush({ ...release, policy: { ...release.policy, placements } })

let sent = 0
function track(name: string, properties: object, changes: object = {}) {
  const timestamp = new Date(Date.now() + ++sent).toISOString()
  const given = { event: name, anonymousId: 'me', timestamp, properties, ...changes }
  return rawEvent({ messageId: `m-${sent}`, ...given })
}
interface Triggered {
  readonly kind: string
  readonly messageId: string
  readonly decisionId: string
  readonly placement: string
  readonly answer: Readonly<Record<string, unknown>>
}
const decisionsOf = ({ body }: { body: Record<string, unknown> }) =>
  (body.decisions ?? []) as Triggered[]

describe('an event that a placement listens to', () => {
  it('is decided on in the answer of the request that brings it', async () => {
    await push()
    const payment = track('Payment Submitted', { amount: 5_000 })
    const answer = await sendBatch([track('Product Viewed', {}), payment])
    expect(answer).toMatchObject({ status: 200, body: { accepted: 2, duplicates: 0 } })
    expect(decisionsOf(answer)).toMatchObject([
      { messageId: payment.messageId, placement: 'fraud', answer: { verdict: 'block' } },
    ])
  })

  it('sets off nothing when it comes again, and is no new event', async () => {
    await push()
    const payment = track('Payment Submitted', { amount: 5_000 })
    await sendBatch([payment])
    const again = await sendBatch([payment])
    expect(again.body).toMatchObject({ accepted: 0, duplicates: 1 })
    expect(decisionsOf(again)).toEqual([])
  })

  it('sets off one decision, though it comes several times at once', async () => {
    await push()
    const payment = track('Payment Submitted', { amount: 5_000 })
    const answers = await Promise.all(Array.from({ length: 5 }, () => sendBatch([payment])))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const made = answers.flatMap(decisionsOf)
    expect(made).toHaveLength(1)
    const sum = (field: string) =>
      answers.reduce((total, { body }) => total + Number(body[field]), 0)
    expect([sum('accepted'), sum('duplicates')]).toEqual([1, 4])
    const { batches } = (await ownerOf('a:me').describe(me, null)) as VisitorDescription
    const records = batches.flatMap(({ batch }) => JSON.parse(batch).records as Triggered[])
    const kept = records.flatMap(({ decisionId }) => decisionId ?? [])
    expect(kept).toEqual(made.map(({ decisionId }) => decisionId))
  })

  it('that comes again once it is forgotten is decided on anew, under an id of its own', async () => {
    await push()
    const payment = track('Payment Submitted', { amount: 5_000 })
    const [first] = decisionsOf(await sendBatch([payment]))
    for (let count = 0; count < 3; count++) {
      await sendBatch(Array.from({ length: limits.recentIdsMax / 2 }, () => track('Seen', {})))
    }
    const [again] = decisionsOf(await sendBatch([payment]))
    expect(again).toMatchObject({ placement: 'fraud', messageId: payment.messageId })
    expect(again?.decisionId).not.toBe(first?.decisionId)
  })

  it('is decided on at its place: each of a batch sees what came before it, and not what comes after', async () => {
    await push()
    const pulses = [90, 130, 105, 90].map((pulse) => track('Pulse Measured', { pulse }))
    const answer = await sendBatch(pulses)
    expect(answer.body).toMatchObject({ accepted: 4, duplicates: 0 })
    const raised = decisionsOf(answer).map((each) => each.answer.severity)
    expect(raised).toEqual([null, 'warning', 'warning', null])
  })

  it('is counted once where two placements listen to it, and a repeated neighbour is a duplicate', async () => {
    const both = { ...placements, second: placements.fraud as NonNullable<typeof placements.fraud> }
    await packAndPush({ ...release, policy: { ...release.policy, placements: both } })
    const view = track('Product Viewed', {})
    await sendBatch([view])
    const answer = await sendBatch([
      view,
      track('Payment Submitted', { amount: 1 }),
      track('Product Viewed', {}),
    ])
    expect(answer.body).toMatchObject({ accepted: 2, duplicates: 1 })
    expect(decisionsOf(answer).map((each) => each.placement)).toEqual(['fraud', 'second'])
  })

  it('keeps the order of its visitor, though one that sets off nothing lies in between', async () => {
    await push()
    const known = track('Payment Submitted', { amount: 1 })
    await sendBatch([known])
    const [before, after] = [track('Product Viewed', {}), track('Payment Submitted', { amount: 2 })]
    await sendBatch([before, known, after])
    const { batches } = (await ownerOf('a:me').describe(me, null)) as VisitorDescription
    const records = batches.flatMap(({ batch }) => JSON.parse(batch).records as Triggered[])
    const ids = records.flatMap(({ kind, messageId }) => (kind === 'event' ? messageId : []))
    expect(ids).toEqual([known, before, after].map(({ messageId }) => messageId))
  })

  it('is decided on by the context it brings: what the policy declares, and its time zone', async () => {
    const hours = Array.from({ length: 24 }, (_, hour) => ({
      ...{ name: `hour ${String(hour).padStart(2, '0')}`, when: `time.hour == ${hour}` },
    }))
    const on = ['Beacon Passed']
    const contextual: Policy['placements'] = {
      agreed: {
        ...{ kind: 'verdict', unsure: 'review', on },
        rules: [{ name: 'agreed', verdict: 'block', when: 'context.consent' }],
      },
      hour: { kind: 'segment', on, segments: hours, otherwise: 'none' },
    }
    const policy = { ...release.policy, context: { consent: 'bool' as const } }
    await packAndPush({ ...release, policy: { ...policy, placements: contextual } })
    const hourIn = (timeZone: string) =>
      `hour ${new Intl.DateTimeFormat('en', { timeZone, hour: 'numeric', hourCycle: 'h23' }).format()}`
    // The hour may turn while the test runs.
    const hoursBefore = ['UTC', 'Pacific/Auckland'].map(hourIn)
    const beacon = async (context: object) =>
      decisionsOf(await sendBatch([track('Beacon Passed', {}, { context })])).map(
        ({ answer }) => answer.verdict ?? answer.segment,
      )
    const [unsure, here] = await beacon({ library: { name: 'analytics.js' }, consent: 'yes' })
    const [blocked, there] = await beacon({ consent: true, timezone: 'Pacific/Auckland' })
    const [allowed, again] = await beacon({ consent: false, timezone: 'Mars/Olympus' })
    expect([unsure, blocked, allowed]).toEqual(['review', 'block', 'allow'])
    const [utc, auckland] = ['UTC', 'Pacific/Auckland'].map((zone, at) => [
      ...[hoursBefore[at], hourIn(zone)],
    ])
    expect(utc).toContain(here)
    expect(utc).toContain(again)
    expect(auckland).toContain(there)
  })

  it('of long ago is taken and sets off nothing', async () => {
    await push()
    const timestamp = new Date(Date.now() - limits.triggerAgeMsMax - 60_000).toISOString()
    const answer = await sendBatch([track('Payment Submitted', { amount: 5_000 }, { timestamp })])
    expect(answer.body).toMatchObject({ accepted: 1 })
    expect(decisionsOf(answer)).toEqual([])
  })

  it('past the bound of a request is taken and counted', async () => {
    await push()
    const before = await counter('shelfedge_triggers_left_out_total')
    const payments = Array.from({ length: limits.triggeredDecisionsMax + 2 }, () =>
      track('Payment Submitted', { amount: 1 }),
    )
    const answer = await sendBatch(payments)
    expect(answer.body).toMatchObject({ accepted: payments.length, duplicates: 0 })
    expect(decisionsOf(answer)).toHaveLength(limits.triggeredDecisionsMax)
    expect(await counter('shelfedge_triggers_left_out_total')).toBe(before + 2)
  })

  it('sent alone is decided on as well, and one that nobody listens to has no decisions', async () => {
    await push()
    const { type: _type, ...payment } = track('Payment Submitted', { amount: 1 })
    expect(decisionsOf(await send('/v1/track', payment))).toHaveLength(1)
    expect((await sendBatch([track('Product Viewed', {})])).body).not.toHaveProperty('decisions')
  })
})
