import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import type { Placement } from '#shared/policy.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { shelfEvent } from '#test/support/events.ts'
import { deciding, policyOfOne } from '#test/support/placement.ts'

const minuteMs = 60_000
const ward = {
  ...{ kind: 'alert', event: { pulse: 'double' }, silenceMs: 10 * minuteMs },
  acknowledgedBy: 'Alarm Acknowledged',
  levels: [
    { severity: 'warning', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' },
    { severity: 'critical', on: 'event.pulse > 150.0', escalateMs: 2 * minuteMs },
  ],
} as const satisfies Placement
const acknowledged = [shelfEvent({ event: 'Alarm Acknowledged' })]

/** Asks at minutes after noon, and tells severity, whether somebody is told, and the escalation. */
function watching(placement: Placement = ward) {
  const ask = deciding(placement)
  return (minute: number, pulse?: number, events: typeof acknowledged = []) => {
    const event = pulse === undefined ? {} : { pulse }
    const { answer } = ask({ at: mondayNoonMs + minute * minuteMs, event, events })
    return [answer.severity, answer.notify, answer.escalation]
  }
}

describe('an alert', () => {
  it('is raised at one threshold and ends at the other, so that it does not flicker', () => {
    const ask = watching()
    expect(ask(0, 105)).toEqual([null, false, 0])
    expect(ask(1, 111)).toEqual(['warning', true, 0])
    expect(ask(2, 105)).toEqual(['warning', false, 0])
    expect(ask(3, 99)).toEqual([null, false, 0])
    expect(ask(4, 105)).toEqual([null, false, 0])
  })

  it('gets worse at once and better step by step', () => {
    const ask = watching()
    expect(ask(0, 160)).toEqual(['critical', true, 0])
    expect(ask(1, 140)).toEqual(['warning', false, 0])
    expect(ask(2, 160)).toEqual(['critical', false, 0])
  })

  it('is not told again within the silence, and is after it, if it still holds', () => {
    const ask = watching()
    expect(ask(0, 120)).toEqual(['warning', true, 0])
    expect(ask(1, 90)).toEqual([null, false, 0])
    expect(ask(2, 120)).toEqual(['warning', false, 0])
    expect(ask(9, 120)).toEqual(['warning', false, 0])
    expect(ask(10, 120)).toEqual(['warning', true, 0])
  })

  it('breaks the silence where it gets worse than what was told', () => {
    const ask = watching()
    expect(ask(0, 120)).toEqual(['warning', true, 0])
    expect(ask(1, 160)).toEqual(['critical', true, 0])
  })

  it('escalates until somebody acknowledges it, and then is quiet', () => {
    const ask = watching()
    expect(ask(0, 160)).toEqual(['critical', true, 0])
    expect(ask(1, 160)).toEqual(['critical', false, 0])
    expect(ask(2, 160)).toEqual(['critical', true, 1])
    expect(ask(4, 160)).toEqual(['critical', true, 2])
    expect(ask(5, 160, acknowledged)).toEqual(['critical', false, 2])
    expect(ask(9, 160)).toEqual(['critical', false, 2])
  })

  it('that was acknowledged is told again when it gets worse', () => {
    const ask = watching()
    ask(0, 120)
    ask(1, 120, acknowledged)
    expect(ask(2, 160)).toEqual(['critical', true, 0])
  })

  it('is told when it gets worse within one millisecond, as the events of one request do', () => {
    const ask = watching()
    expect(ask(0, 120)).toEqual(['warning', true, 0])
    expect(ask(0, 160)).toEqual(['critical', true, 0])
    expect(ask(0, 160)).toEqual(['critical', false, 0])
  })

  it('that is raised anew is told, though the clock stands still or was put back', () => {
    const { silenceMs: _, ...once } = ward
    const dayMin = 24 * 60
    for (const [placement, raisedAt] of [
      ...[[once, 0] as const, [once, -1] as const, [once, -dayMin] as const],
      ...[[ward, -1] as const, [ward, -dayMin] as const],
    ]) {
      const ask = watching(placement)
      expect(ask(0, 120)).toEqual(['warning', true, 0])
      expect(ask(0, 90)).toEqual([null, false, 0])
      expect(ask(raisedAt, 120)).toEqual(['warning', true, 0])
      expect(ask(raisedAt, 120)).toEqual(['warning', false, 0])
    }
  })

  it('that was silenced is told at once where the clock was put back before the last notice', () => {
    const ask = watching()
    ask(0, 120)
    ask(1, 90)
    expect(ask(2, 120)).toEqual(['warning', false, 0])
    expect(ask(-1, 120)).toEqual(['warning', true, 0])
  })

  it('that was told is not told again because the clock was put back; its times begin anew', () => {
    const ask = watching()
    expect(ask(0, 160)).toEqual(['critical', true, 0])
    expect(ask(-60, 160)).toEqual(['critical', false, 0])
    expect(ask(-58, 160)).toEqual(['critical', true, 1])
  })

  it('of before it was remembered whether it was told goes on as it was', () => {
    const at = mondayNoonMs
    const kept = { level: 1, notifiedLevel: 1, acknowledgedAt: null, escalation: 0 }
    const told = { ...kept, since: at - 9, notifiedAt: at - 9 }
    const silenced = { ...kept, since: at - 9, notifiedAt: at - 11 * minuteMs }
    const notifyOf = (memory: object) =>
      deciding(ward)({ at, event: { pulse: 120 }, memory }).answer.notify
    expect([told, silenced].map(notifyOf)).toEqual([false, true])
  })

  it('is not ended by a value that is missing, nor raised by one', () => {
    const ask = watching()
    expect(ask(0)).toEqual([null, false, 0])
    ask(1, 160)
    expect(ask(2)).toEqual(['critical', false, 0])
  })

  it('begins anew where what is remembered is of another policy', () => {
    for (const memory of [{ level: 9 }, 'text', 7, [], { level: 'x' }]) {
      const { answer } = deciding(ward)({ event: { pulse: 120 }, memory })
      expect(answer).toMatchObject({ severity: 'warning', notify: true })
    }
  })

  it('that was not acknowledged is told again after its silence, and goes a step up on the way', () => {
    const [warning, critical] = ward.levels
    const levels = [{ ...warning, escalateMs: 25 * minuteMs }, critical]
    const ask = watching({ ...ward, levels })
    const told = [0, 5, 10, 15, 20, 25, 30, 35, 50].map((minute) => ask(minute, 120))
    expect(told.map(([, notify, escalation]) => [notify, escalation])).toEqual([
      ...[
        [true, 0],
        [false, 0],
        [true, 0],
        [false, 0],
        [true, 0],
      ],
      ...[
        [true, 1],
        [false, 1],
        [true, 1],
        [true, 2],
      ],
    ])
  })

  it('without a silence is told once, where it does not escalate', () => {
    const { silenceMs: _, ...once } = ward
    const ask = watching(once)
    expect(ask(0, 120)).toEqual(['warning', true, 0])
    expect(ask(9_999, 120)).toEqual(['warning', false, 0])
  })
})

describe('an alert, by the clock', () => {
  const home = compilePolicy(policyOfOne(ward), []).placements.get('home') as CompiledPlacement
  /** What was decided last, and then the clock at minutes after noon. */
  function raised(pulse: number) {
    let { memory = null, dueAt } = deciding(ward)({ event: { pulse } })
    const minuteOf = (at: number | null | undefined) => at && (at - mondayNoonMs) / minuteMs
    return {
      due: () => minuteOf(dueAt),
      decide: (minute: number) => {
        const at = mondayNoonMs + minute * minuteMs
        const outcome = home.decideByClock?.({ at, memory: JSON.parse(JSON.stringify(memory)) })
        if (outcome?.isTold) ({ memory = null, dueAt } = outcome)
        return outcome
      },
    }
  }

  it('is due when somebody is to be told, and says why it was told', () => {
    const alert = raised(160)
    expect(alert.due()).toBe(2)
    expect(alert.decide(1.9)).toMatchObject({ isTold: false, dueAt: mondayNoonMs + 2 * minuteMs })
    expect(alert.decide(2)).toMatchObject({
      isTold: true,
      answer: { severity: 'critical', notify: true, escalation: 1, by: 'clock', score: null },
      effects: [
        { name: 'warning', on: false },
        { name: 'critical', on: true, failures: 0 },
      ],
    })
    expect(alert.due()).toBe(4)
  })

  it('that was late tells once what it had missed, and goes on from there', () => {
    const alert = raised(160)
    expect(alert.decide(60)).toMatchObject({ isTold: true, answer: { escalation: 1 } })
    expect(alert.due()).toBe(62)
  })

  it('repeats by its silence alone once it has gone as far up as it may', () => {
    const alert = raised(160)
    for (let step = 1; step <= limits.alertEscalationsMax; step++) alert.decide(2 * step)
    const last = 2 * limits.alertEscalationsMax
    expect(alert.due()).toBe(last + 10)
    expect(alert.decide(last + 10)).toMatchObject({
      answer: { notify: true, escalation: limits.alertEscalationsMax },
    })
  })

  it('is due at no time where nothing is wrong, or the memory is of another policy', () => {
    expect(raised(90).due()).toBeNull()
    for (const memory of [null, { level: 9 }, 'text', 7]) {
      expect(home.decideByClock?.({ at: mondayNoonMs, memory })).toMatchObject({
        ...{ isTold: false, dueAt: null },
      })
    }
  })
})
