import { describe, expect, it } from 'vitest'
import { observe } from '#shared/stream/anomaly.ts'
import { observeEvents, readRemembered } from '#shared/stream/remembered.ts'

const hourMs = 3_600_000
const event = (hour: number, value: unknown) => ({
  ...{ timestamp: hour * hourMs, properties: { value } },
})

describe('what a placement remembers of a stream', () => {
  const { stream } = observeEvents(null, 'value', [event(1, 5), event(2, '6')])

  it('is the state after its readings, in the order of their time', () => {
    const expected = observe(observe(null, 5, hourMs).state, 6, 2 * hourMs)
    expect(stream).toEqual(expected.state)
    expect(observeEvents(null, 'value', [event(2, '6'), event(1, 5)])).toEqual({
      ...{ stream, score: 0, value: 6 },
    })
  })

  it.each([
    ['the same reading again', event(2, 6)],
    ['an older one', event(0, 9)],
    ['what is no number', event(3, 'high')],
    ['an event without it', { timestamp: 3 * hourMs, properties: {} }],
  ])('is not changed by %s', (_what, of) => {
    expect(observeEvents(stream, 'value', [of])).toEqual({ stream, score: null, value: null })
  })

  it('comes back from JSON with what the kind keeps; of another policy it is nothing', () => {
    const kept = { stream, kind: { level: 1 } }
    expect(readRemembered(JSON.parse(JSON.stringify(kept)))).toEqual(kept)
    for (const other of [null, [], { level: 1 }, { stream: { ...stream, visits: [1] }, kind: 1 }]) {
      expect(readRemembered(other)).toEqual({ stream: null, kind: null })
    }
  })
})
