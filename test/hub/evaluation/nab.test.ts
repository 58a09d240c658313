import { describe, expect, it } from 'vitest'
import { type DetectedSeries, scoreNab } from '#hub/evaluation/nab.ts'

const times = Array.from({ length: 1_000 }, (_, at) => at)
/** Two windows of eleven records, past a probation of 150. */
const windows = [
  [400, 410],
  [700, 710],
] as const

function series(alarms: Readonly<Record<number, number>>): DetectedSeries {
  return { name: 'one', times, windows, scores: times.map((at) => alarms[at] ?? 0) }
}

const scoreOf = (alarms: Readonly<Record<number, number>>) => scoreNab([series(alarms)]).score
/** The scaled sigmoid of the paper, as it is printed there. */
const sigmoid = (position: number) => 2 / (1 + Math.exp(5 * position)) - 1

describe('the score of the benchmark', () => {
  it('is 0 for silence and 100 for an alarm at the start of every window', () => {
    expect(scoreOf({})).toBe(0)
    expect(scoreOf({ 400: 1, 700: 1 })).toBeCloseTo(100)
  })

  it('gives a late alarm less, and of a window counts the best alone', () => {
    const late = sigmoid(-1 / 11) / sigmoid(-1)
    expect(scoreOf({ 400: 1, 710: 1 })).toBeCloseTo((100 * (1 + late + 2)) / 4)
    expect(scoreOf({ 400: 1, 405: 1, 410: 1, 700: 1 })).toBeCloseTo(100)
  })

  it('takes of a false alarm 0.11, less just after a window, and nothing in the probation', () => {
    const both = { 400: 1, 700: 1 }
    expect(scoreOf({ ...both, 300: 1 })).toBeCloseTo(100 - (100 * 0.11) / 4)
    expect(scoreOf({ ...both, 412: 1 })).toBeCloseTo(100 + (100 * 0.11 * sigmoid(2 / 10)) / 4)
    expect(scoreOf({ ...both, 600: 1 })).toBeCloseTo(100 - (100 * 0.11) / 4)
    expect(scoreOf({ ...both, 149: 1 })).toBeCloseTo(100)
    expect(scoreOf({ ...both, 150: 1 })).toBeCloseTo(100 - (100 * 0.11) / 4)
  })

  it('chooses one threshold for all series, the best', () => {
    const noise = Object.fromEntries(times.slice(200, 213).map((at) => [at, 4]))
    const noisy = series({ ...noise, 400: 5, 700: 5 })
    const { threshold, falseAlarms, windows: results } = scoreNab([noisy, series({ 402: 3 })])
    expect({ threshold, falseAlarms }).toEqual({ threshold: 3, falseAlarms: 13 })
    expect(results.map(({ delayMs }) => delayMs)).toEqual([0, 0, 2, null])
    const shy = scoreNab([noisy, series({ 410: 3 })])
    expect({ threshold: shy.threshold, falseAlarms: shy.falseAlarms }).toEqual({
      threshold: 5,
      falseAlarms: 0,
    })
  })
})
