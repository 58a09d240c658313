import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { observe, type StreamState } from '#shared/stream/anomaly.ts'
import { baseMs } from '#test/support/events.ts'

const stepMs = 10 * 60_000
const dayMs = 24 * 3_600_000

function scoresOf(values: readonly number[], atOf = (place: number) => baseMs + place * stepMs) {
  let state: StreamState | null = null
  const scores = values.map((value, place) => {
    const observed = observe(state, value, atOf(place))
    state = observed.state
    return observed.score
  })
  return { scores, state: state as StreamState | null }
}

/** A day is a wave, with a ripple on it that repeats in no day. */
const wave = (place: number) =>
  20 + 5 * Math.sin((place * stepMs * 2 * Math.PI) / dayMs) + Math.sin(place * 1.7)
const weeks = (count: number) =>
  Array.from({ length: (count * 7 * dayMs) / stepMs }, (_, at) => wave(at))
const maximumAt = (scores: readonly number[]) => scores.indexOf(Math.max(...scores))

describe('the anomaly of a stream', () => {
  it('is highest where something happens that never did', () => {
    const values = weeks(3).with(2_500, 60)
    const { scores } = scoresOf(values)
    expect(maximumAt(scores)).toBe(2_500)
    expect(scores[2_500]).toBeGreaterThan(2)
  })

  it('knows the hour: what is usual by day is news at night', () => {
    const values = weeks(3)
    const peak = values.indexOf(Math.max(...values.slice(2_400, 2_544)), 2_400)
    const half = dayMs / stepMs / 2
    const { scores } = scoresOf(values.with(peak + half, values[peak] as number))
    expect(scores[peak]).toBe(0)
    expect(maximumAt(scores)).toBe(peak + half)
  })

  it('sees a small shift that stays, which no single reading tells', () => {
    const values = weeks(4).map((value, place) => (place >= 3_000 ? value + 2 : value))
    const { scores } = scoresOf(values)
    const first = scores.findIndex((score, place) => place >= 3_000 && score > 0)
    expect(first).toBeGreaterThan(3_000)
    expect(first).toBeLessThan(3_000 + dayMs / stepMs)
  })

  it('is told once and not with every reading, until it has grown', () => {
    const values = weeks(3).map((value, place) =>
      place >= 2_500 && place < 2_600 ? value + 30 : value,
    )
    const told = scoresOf(values).scores.filter(
      (score, at) => at >= 2_500 && at < 2_600 && score > 0,
    )
    expect(told.length).toBeGreaterThan(0)
    expect(told.length).toBeLessThan(4)
  })

  it('is nothing during the first day, and nothing of what is no number', () => {
    const { scores } = scoresOf(weeks(1).with(100, 1_000))
    expect(Math.max(...scores.slice(0, dayMs / stepMs))).toBe(0)
    const { state } = scoresOf([1, 2, 3])
    expect(observe(state, Number.NaN, baseMs)).toEqual({ state, score: 0 })
    expect(observe(null, Number.POSITIVE_INFINITY, baseMs)).toEqual({ state: null, score: 0 })
  })

  it('goes on from its state as JSON, which stays small', () => {
    const values = weeks(2)
    const { state } = scoresOf(values)
    const text = JSON.stringify(state)
    expect(text.length).toBeLessThan(4_000)
    const at = baseMs + values.length * stepMs
    expect(observe(JSON.parse(text), 50, at)).toEqual(observe(state, 50, at))
  })

  it('is a finite number where the record so far is next to nothing', () => {
    const times = [0, 43_200_001, 129_600_001]
    const { scores } = scoresOf([0, 5e-324, 7.733194239319699e-16], (place) => times[place] ?? 0)
    expect(scores.every(Number.isFinite)).toBe(true)
  })

  it('is a finite number, and its state JSON, whatever comes and whenever', () => {
    const observation = fc.tuple(fc.double(), fc.integer({ min: 0, max: 4e12 }))
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 30 }), (observations) => {
        const { scores, state } = scoresOf(
          observations.map(([value]) => value),
          (place) => observations[place]?.[1] ?? 0,
        )
        for (const score of scores) expect(score >= 0 && Number.isFinite(score)).toBe(true)
        expect(JSON.parse(JSON.stringify(state), (_, value) => (value === 0 ? 0 : value))).toEqual(
          state === null ? null : JSON.parse(JSON.stringify(state)),
        )
        if (state)
          expect(
            Object.values(state)
              .flat()
              .every((each) => each === null || Number.isFinite(each)),
          ).toBe(true)
      }),
    )
  })
})
