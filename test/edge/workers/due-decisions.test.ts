import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DueDecisions } from '#edge/due-decisions.ts'
import { environment } from '#edge/environment.ts'
import { VisitorsCore } from '#edge/visitors/core.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import type { Placement, Policy } from '#shared/policy.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { minuteMs, rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { packAndPush } from './hub-side.ts'
import { closeStreams, openStream } from './open-stream.ts'
import { counter, forgetEverything, ownerOf, send, sendBatch } from './pop.ts'

const ward = {
  ...{ kind: 'alert', on: ['Pulse Measured'], event: { pulse: 'double' } },
  ...{ acknowledgedBy: 'Alarm Acknowledged', silenceMs: 10 * minuteMs },
  levels: [
    { severity: 'warning', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' },
    { severity: 'critical', on: 'event.pulse > 150.0', escalateMs: 2 * minuteMs },
  ],
} as const satisfies Placement
const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })
const push = (placements: Policy['placements'] = { ward }) =>
  packAndPush({ ...release, policy: { ...release.policy, placements } })

let hub: FakeHub
let aheadMs: number

beforeEach(async () => {
  hub = startFakeHub()
  aheadMs = 0
  vi.spyOn(environment, 'now').mockImplementation(() => Date.now() + aheadMs)
  await push()
})
afterEach(async () => {
  await closeStreams()
  await forgetEverything()
  vi.restoreAllMocks()
})

let sent = 0
function track(event: string, properties: object = {}, anonymousId = 'bed-1') {
  const timestamp = new Date(environment.now() + ++sent).toISOString()
  return rawEvent({ messageId: `m-${sent}`, event, anonymousId, timestamp, properties })
}
const measure = (pulse: number, bed?: string) =>
  sendBatch([track('Pulse Measured', { pulse }, bed)])
const owner = () => ownerOf('a:bed-1')

/** The clock goes on; where the object's alarm is due by then, it goes off. */
async function pass(minutes: number) {
  aheadMs += minutes * minuteMs
  const alarmAt = await runInDurableObject(owner(), (_, { storage }) => storage.getAlarm())
  if (alarmAt !== null && alarmAt <= environment.now()) await runDurableObjectAlarm(owner())
}

interface Told {
  readonly by: string
  readonly notify: boolean
  readonly escalation: number
}

/** What the hub was sent, each decision by who set it off and what it told. */
function told(): Told[] {
  const batches = hub.batches().filter(({ visitor }) => visitor === 'a:bed-1')
  const records = batches.flatMap((batch) => batch.records) as DecisionRecord[]
  return records.flatMap(({ kind, inputs, answer }) =>
    kind === 'decision' ? [{ by: inputs.by ?? 'event', ...answer } as Told] : [],
  )
}

describe('an alert that nobody acknowledges', () => {
  it('goes a step up when the time comes, though no reading comes any more, and the stream tells it', async () => {
    const stream = await openStream('bed-1')
    await measure(160)
    expect((await stream.next())?.data.answer).toMatchObject({ notify: true, escalation: 0 })
    await pass(1)
    expect(told()).toHaveLength(1)
    await pass(1)
    expect((await stream.next())?.data).toMatchObject({
      ...{ placement: 'ward', kind: 'alert', model: 'none', items: [] },
      answer: { severity: 'critical', notify: true, escalation: 1, by: 'clock' },
    })
    expect(told()).toMatchObject([{ by: 'event' }, { by: 'clock', notify: true, escalation: 1 }])
    await pass(2)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 2 })
  })

  it('is told again after its silence where it does not escalate, and not sooner', async () => {
    await measure(120)
    await pass(9)
    expect(told()).toHaveLength(1)
    await pass(1)
    await pass(10)
    const repeated = { by: 'clock', severity: 'warning', notify: true, escalation: 0 }
    expect(told().slice(1)).toMatchObject([repeated, repeated])
  })

  it('is told by the clock for a day, and again after the next reading', async () => {
    await push({ ward: { ...ward, silenceMs: 60 * minuteMs } })
    await measure(120)
    for (let hour = 1; hour <= 30; hour++) await pass(60)
    const notices = told().length
    expect(notices).toBe(1 + limits.alertUnseenMsMax / (60 * minuteMs))
    await measure(120)
    await pass(60)
    expect(told().slice(notices)).toMatchObject([
      { by: 'event', notify: true },
      { by: 'clock', notify: true },
    ])
  })

  it('is told though its object was evicted, and had lost its alarm', async () => {
    await measure(160)
    await runInDurableObject(owner(), async (_, { storage }) => {
      // With an outbox the watchdog would set it for that.
      storage.sql.exec('DELETE FROM outbox')
      await storage.deleteAlarm()
    })
    await evictDurableObject(owner())
    await owner().backlog()
    await pass(2)
    expect(told()).toMatchObject([{ by: 'clock', escalation: 1 }])
  })
})

describe('what is due', () => {
  const name = { site: 'demo', visitor: 'a:bed-1' }
  const due = { ...name, placement: 'ward' }
  const itself = exports as unknown as { readonly DueDecisions: Service<DueDecisions> }
  const decide = async () => (await itself.DueDecisions.decide([{ ...due, dueAt: 0 }]))[0]
  const forwarded = async () => {
    await runDurableObjectAlarm(owner())
    return told()
  }
  const dues = () =>
    runInDurableObject(owner(), (_, { storage }) =>
      storage.sql.exec('SELECT * FROM dues').toArray(),
    )

  const insertGone = (total: number) =>
    runInDurableObject(owner(), (_, { storage }) => {
      for (let gone = 0; gone < total; gone++) {
        const visitor = `a:gone-${gone}`
        storage.sql.exec("INSERT INTO dues VALUES ('demo', ?, 'ward', 1, 1, NULL)", visitor)
      }
    })

  it('is no more once it is acknowledged, or over', async () => {
    await measure(160)
    await measure(160, 'bed-2')
    await sendBatch([track('Alarm Acknowledged')])
    await sendBatch([track('Pulse Measured', { pulse: 90 }, 'bed-2')])
    expect(await dues()).toEqual([])
    await pass(60)
    expect(told().filter(({ by }) => by === 'clock')).toEqual([])
  })

  it('is nothing for visitors of whom no alert is raised', async () => {
    await measure(90)
    await send('/v1/decide', { anonymousId: 'bed-1', placement: 'ward' })
    expect(await dues()).toEqual([])
  })

  it('is told once, though the alarm goes off twice, and twice at once', async () => {
    await measure(160)
    aheadMs += 2 * minuteMs
    const settled = await Promise.all([
      decide(),
      decide(),
      decide(),
      runDurableObjectAlarm(owner()),
    ])
    expect(settled.filter((each) => each === 'again')).toEqual([])
    await runDurableObjectAlarm(owner())
    const notices = (await forwarded()).filter(({ notify }) => notify)
    expect(notices.map(({ escalation }) => escalation)).toEqual([0, 1])
  })

  it('is told once, though a reading comes at the same moment', async () => {
    for (let step = 1; step <= 5; step++) {
      await measure(160)
      aheadMs += 2 * minuteMs
      await Promise.all([measure(160), decide(), measure(160), decide()])
      const notices = (await forwarded()).filter(({ notify }) => notify)
      expect(notices.map(({ escalation }) => escalation)).toEqual(
        Array.from({ length: step + 1 }, (_, at) => at),
      )
    }
  })

  it('neither raises nor ends anything: conditions are not asked', async () => {
    const night: Placement = {
      kind: 'alert',
      levels: [
        {
          severity: 'quiet',
          on: 'session.views > 0',
          off: 'session.views == 0',
          escalateMs: 60_000,
        },
        { severity: 'late', on: 'time.hour < 24 && totals.views1h > 0 && event.never > 1' },
      ],
      event: { never: 'int' },
    }
    await push({ ward: night })
    const events = [track('Product Viewed')]
    await send('/v1/decide', { anonymousId: 'bed-1', placement: 'ward', events })
    const failures = await counter('shelfedge_rule_failures_total', 'effect="alert"')
    await pass(60 * 24)
    expect(told().at(-1)).toMatchObject({ by: 'clock', severity: 'quiet', escalation: 1 })
    expect(await counter('shelfedge_rule_failures_total', 'effect="alert"')).toBe(failures)
  })

  it('is gone with an erased visitor', async () => {
    await measure(160)
    await owner().erase(name)
    expect(await dues()).toEqual([])
    expect(await decide()).toEqual({ dueAt: null })
    expect((await forwarded()).filter(({ by }) => by === 'clock')).toEqual([])
  })

  it.each<[string, Policy['placements']]>([
    ['it no more', { other: ward }],
    [
      'another kind of it',
      {
        ward: {
          kind: 'segment',
          segments: [{ name: 'all', when: 'session.views >= 0' }],
          otherwise: 'none',
        },
      },
    ],
  ])('is not told where the policy has %s, and is once that was rolled back', async (_, broken) => {
    await measure(160)
    expect(await push(broken)).toMatchObject({ status: 200 })
    await pass(2)
    expect(told()).toHaveLength(1)
    await push()
    await pass(1)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
  })

  it('is moved where the policy has come to escalate later', async () => {
    await measure(160)
    const later = ward.levels.map((level) => ({ ...level, escalateMs: 4 * minuteMs }))
    await push({ ward: { ...ward, levels: later } })
    await pass(2)
    expect(told()).toHaveLength(1)
    await pass(2)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
  })

  it('is sooner from the next reading on where the policy has come to escalate sooner', async () => {
    await measure(120)
    const sooner = ward.levels.map((level) => ({ ...level, escalateMs: minuteMs }))
    await push({ ward: { ...ward, levels: sooner } })
    await measure(120)
    await pass(1)
    expect(told().at(-1)).toMatchObject({ by: 'clock', severity: 'warning', escalation: 1 })
  })

  it('waits for one answer of the hub at most, though more is to be forwarded', async () => {
    await measure(160)
    await measure(160)
    let asked = 0
    hub.answerWith(() => {
      asked++
      aheadMs += 2 * minuteMs
      return Response.json({ error: 'not_loggable', detail: 'one by one' }, { status: 422 })
    })
    await runDurableObjectAlarm(owner())
    expect(asked).toBe(1)
    hub.answerWith(200)
    expect((await forwarded()).at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
  })

  it('is told behind whatever else is due, of visitors who are there no more', async () => {
    await measure(160)
    await insertGone(250)
    await pass(2)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
    expect(await dues()).toMatchObject([{ visitor: 'a:bed-1' }])
  })

  it('that the worker does not answer for holds up neither the outbox nor the next try', async () => {
    await measure(160)
    await insertGone(150)
    const failed = await counter('shelfedge_due_decisions_total', 'outcome="failed"')
    const forwardedBy: number[] = []
    const decide = () => {
      forwardedBy.push(told().length)
      return Promise.reject(new Error('the worker was ended'))
    }
    const worker = vi.spyOn(environment, 'dueDecisions').mockReturnValue({ decide } as never)
    await pass(2)
    // The next hundred are for the next alarm, which goes off at once.
    await vi.waitUntil(() => forwardedBy.length === 2)
    expect(forwardedBy[1]).toBe(1)
    await vi.waitUntil(
      async () =>
        (await counter('shelfedge_due_decisions_total', 'outcome="failed"')) === failed + 151,
    )
    expect(told()).toMatchObject([{ by: 'event' }])
    worker.mockRestore()
    await pass(1)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
  })

  it('is no decision of the release where nothing was told, nor its failure where others came between', async () => {
    await measure(160)
    const use = vi.spyOn(environment.releases, 'use')
    const decided = () => use.mock.results.at(-1)?.value
    expect(await decide()).toEqual({ dueAt: expect.any(Number) })
    expect(await decided()).toBeNull()
    aheadMs += 2 * minuteMs
    const overtaken = {
      ok: true,
      accepted: 0,
      duplicates: 0,
      pushes: [],
      isOvertaken: true,
    } as const
    const commit = vi.spyOn(VisitorsCore.prototype, 'commit')
    commit.mockImplementation((requests) => requests.map(() => overtaken))
    expect(await decide()).toBe('again')
    await expect(decided()).rejects.toBeInstanceOf(RequestRefused)
    commit.mockRestore()
    await decide()
    expect(await decided()).toMatchObject({ fallback: null })
  })

  it('is so of an alert, too, that was raised before its object kept what is due', async () => {
    await measure(160)
    await runInDurableObject(owner(), async (_, { storage }) => {
      storage.sql.exec('DROP TABLE dues')
      storage.sql.exec('DELETE FROM outbox')
      await storage.deleteAlarm()
    })
    await evictDurableObject(owner())
    await owner().backlog()
    // Asked about at once, it is due when it would have been.
    await vi.waitUntil(async () => Number((await dues())[0]?.due_at) > environment.now())
    await pass(2)
    expect(told()).toMatchObject([{ by: 'clock', escalation: 1 }])
  })

  it('is told by a POP that was off for days and had no release at its first try', async () => {
    await measure(160)
    vi.spyOn(environment.releases, 'use').mockRejectedValueOnce(new Error('no shelf'))
    await pass(3 * 24 * 60)
    expect(told()).toHaveLength(1)
    await pass(1)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
  })

  it('that cannot be decided is asked again, holds up nobody, and is given up after a day', async () => {
    await measure(160)
    const failed = await counter('shelfedge_due_decisions_total', 'outcome="failed"')
    const use = vi.spyOn(environment.releases, 'use').mockRejectedValue(new Error('no shelf'))
    await pass(2)
    expect(await counter('shelfedge_due_decisions_total', 'outcome="failed"')).toBe(failed + 1)
    expect(told()).toHaveLength(1)
    use.mockRestore()
    await pass(1)
    expect(told().at(-1)).toMatchObject({ by: 'clock', escalation: 1 })
    vi.spyOn(environment.releases, 'use').mockRejectedValue(new Error('no shelf'))
    await pass(2)
    expect(await dues()).toHaveLength(1)
    await pass(limits.alertUnseenMsMax / minuteMs + 1)
    expect(await dues()).toEqual([])
  })
})
