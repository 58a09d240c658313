import { describe, expect, it } from 'vitest'
import type { Placement } from '#shared/policy.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { shelfEvent } from '#test/support/events.ts'
import { deciding } from '#test/support/placement.ts'

const minuteMs = 60_000
const ward: Placement = {
  ...{ kind: 'alert', event: { pulse: 'double' }, silenceMs: 10 * minuteMs },
  acknowledgedBy: 'Alarm Acknowledged',
  levels: [
    { severity: 'warning', on: 'event.pulse > 110.0', off: 'event.pulse < 100.0' },
    { severity: 'critical', on: 'event.pulse > 150.0', escalateMs: 2 * minuteMs },
  ],
}
const acknowledged = [shelfEvent({ event: 'Alarm Acknowledged' })]

/** Asks at minutes after noon, and tells severity, whether somebody is told, and the escalation. */
function watching(placement = ward) {
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
})
