import { describe, expect, it } from 'vitest'
import { buildPopularity } from '#models/popularity/popularity.ts'

const dayMs = 24 * 60 * 60 * 1000
const sessions = {
  itemsTotal: 4,
  // two sessions of a day ago, one of now: [0, 0, 0], [0, 1], [2]
  items: Int32Array.of(0, 0, 0, 0, 1, 2),
  sessionOffsets: Int32Array.of(0, 3, 5, 6),
  sessionEndsAtMs: Float64Array.of(0, 0, dayMs),
}

describe('buildPopularity', () => {
  it('counts sessions, halves them by age and leaves out what nobody saw', () => {
    const popularity = buildPopularity(sessions, { nowMs: dayMs, halfLifeDays: 1, itemsMax: 10 })
    // item 0: two halves; item 2: one whole; the tie goes to the lower number; item 1: one half
    expect([...popularity.items]).toEqual([0, 2, 1])
    expect([...popularity.scores]).toEqual([1, 1, 0.5])
  })

  it('cuts at itemsMax', () => {
    const popularity = buildPopularity(sessions, { nowMs: dayMs, halfLifeDays: 1, itemsMax: 1 })
    expect([...popularity.items]).toEqual([0])
  })

  it('gives an empty list for no sessions', () => {
    const none = {
      itemsTotal: 0,
      items: new Int32Array(),
      sessionOffsets: Int32Array.of(0),
      sessionEndsAtMs: new Float64Array(),
    }
    const popularity = buildPopularity(none, { nowMs: 0, halfLifeDays: 1, itemsMax: 5 })
    expect(popularity.items).toHaveLength(0)
  })
})
