import { describe, expect, it } from 'vitest'
import { observe, recentMax, scoreOf } from '#shared/stream/anomaly.ts'
import { observeEvents, readRemembered } from '#shared/stream/remembered.ts'

const hourMs = 3_600_000
const event = (hour: number, value: unknown) => ({
  ...{ timestamp: hour * hourMs, properties: { value } },
})

describe('what a placement remembers of a stream', async () => {
  const { stream } = await observeEvents(null, 'value', [event(1, 5), event(2, '6')])

  it('is the state after its readings, in the order of their time', async () => {
    const expected = observe(observe(null, 5, hourMs).state, 6, 2 * hourMs)
    expect(stream).toEqual(expected.state)
    expect(await observeEvents(null, 'value', [event(2, '6'), event(1, 5)])).toEqual({
      ...{ stream, score: 0, value: 6, forecast: null },
    })
  })

  it.each([
    ['the same reading again', event(2, 6)],
    ['an older one', event(0, 9)],
    ['what is no number', event(3, 'high')],
    ['an event without it', { timestamp: 3 * hourMs, properties: {} }],
  ])('is not changed by %s', async (_what, of) => {
    const nothing = { stream, score: null, value: null, forecast: null }
    expect(await observeEvents(stream, 'value', [of])).toEqual(nothing)
  })

  it('comes back from JSON with what the kind keeps; of another policy it is nothing', () => {
    const kept = { stream, kind: { level: 1 } }
    expect(readRemembered(JSON.parse(JSON.stringify(kept)))).toEqual(kept)
    for (const other of [null, [], { level: 1 }, { stream: { ...stream, visits: [1] }, kind: 1 }]) {
      expect(readRemembered(other)).toEqual({ stream: null, kind: null })
    }
  })
})

describe('a stream with a forecast', () => {
  /** Up and down by turns. */
  const turns = Array.from({ length: 80 }, (_, hour) => event(hour, 50 + (hour % 2) * 2))
  const byTurns = async (window: Float32Array) => window[1] as number
  const missed = event(80, 52)

  it('sees what is usual by itself and did not come when it was foretold', async () => {
    const before = await observeEvents(null, 'value', turns, byTurns)
    const told = await observeEvents(before.stream, 'value', [missed], byTurns)
    expect(told.score).toBeGreaterThan(1)
    const alone = await observeEvents(null, 'value', [...turns, missed])
    expect(alone.score).toBeLessThan(told.score as number)
  })

  it('keeps what its score follows from', async () => {
    const { stream } = await observeEvents(null, 'value', turns, byTurns)
    const { score, forecast } = await observeEvents(stream, 'value', [missed], byTurns)
    if (forecast === null) throw new Error('nothing was foretold')
    const kept = JSON.parse(JSON.stringify(forecast)) as typeof forecast
    expect(scoreOf(kept, await byTurns(Float32Array.from(kept.window)))).toBe(score)
  })

  it('goes on by its statistics where the model fails, and is back when the model is', async () => {
    const failing = async () => null
    const failed = await observeEvents(null, 'value', [...turns, missed], failing)
    const alone = await observeEvents(null, 'value', [...turns, missed])
    expect({ ...failed.stream, foretold: undefined }).toEqual(alone.stream)
    expect(failed).toMatchObject({ score: alone.score, forecast: null })
    expect(failed.stream?.foretold?.recent).toHaveLength(recentMax)
    const again = await observeEvents(failed.stream, 'value', [event(81, 50)], byTurns)
    expect(again.forecast?.window).toHaveLength(recentMax + 3)
    const text = JSON.parse(JSON.stringify({ stream: again.stream, kind: null }))
    expect(readRemembered(text).stream).toEqual(again.stream)
  })
})
