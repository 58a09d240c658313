import { describe, expect, it } from 'vitest'
import { questionsOf, recommend } from '#hub/evaluation/predict.ts'

const how = {
  score: () => ({ items: Int32Array.of(4, 1, 2), scores: Float32Array.of(3, 2, 1) }),
  ...{ popular: Int32Array.of(2, 7, 1, 8, 9), length: 4, includesCurrent: false },
}

describe('recommend', () => {
  it('names the items of the model, then what is popular, each once and never the current', () => {
    expect(recommend({ seen: Int32Array.of(4), current: 4 }, how)).toEqual([1, 2, 7, 8])
  })

  it('names the current item where it may', () => {
    const asked = { seen: Int32Array.of(4), current: 4 }
    expect(recommend(asked, { ...how, includesCurrent: true })).toEqual([4, 1, 2, 7])
  })

  it('answers by popularity where nothing of the session is known', () => {
    expect(recommend({ seen: Int32Array.of(), current: -1 }, how)).toEqual([2, 7, 1, 8])
  })
})

describe('questionsOf', () => {
  it('asks before each item but the first, and leaves out what nobody knows', () => {
    expect(questionsOf('s', Int32Array.of(3, -1, 5))).toEqual([
      { sessionId: 's', seen: Int32Array.of(3), next: [-1, 5], current: 3 },
      { sessionId: 's', seen: Int32Array.of(3), next: [5], current: -1 },
    ])
  })
})
