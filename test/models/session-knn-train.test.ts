import { describe, expect, it } from 'vitest'
import { buildModel } from '#models/session-knn/graph.ts'
import { buildIndex, indexBuilder } from '#models/session-knn/train.ts'
import { type SessionKnnIndex, scoreSession } from '#shared/session-knn.ts'
import { settingsWith, trainingSessions } from './session-knn-fixture.ts'

describe('buildIndex', () => {
  it('lists sessions newest first and for each item its last place in them', () => {
    const index = buildIndex(
      trainingSessions([
        [0, 1],
        [1, 0, 1],
      ]),
      settingsWith(),
    )
    expect([...index.sessionItems]).toEqual([1, 0, 1, 0, 1])
    expect([...index.sessionOffsets]).toEqual([0, 3, 5])
    // item 0: session 0 at place 1, session 1 at 0; item 1: session 0 at 2, session 1 at 1; padding
    expect([...index.postingOffsets]).toEqual([0, 2, 4, 4])
    expect([...index.postingSessions]).toEqual([0, 1, 0, 1])
    expect([...index.postingPositions]).toEqual([1, 0, 2, 1])
  })

  it('keeps only the most recent sessions of an item', () => {
    const sessions = trainingSessions([[0], [0], [0]])
    const index = buildIndex(sessions, settingsWith({ sampleSessionsMax: 2 }))
    expect([...index.postingSessions]).toEqual([0, 1])
  })

  it('cuts a session at its last 256 clicks', () => {
    const long = Array.from({ length: 300 }, (_, at) => at)
    const index = buildIndex(trainingSessions([long]), settingsWith())
    expect(index.sessionItems).toHaveLength(256)
    expect(index.sessionItems[0]).toBe(44)
  })

  it('makes rules of neighbours in a session, nearer ones stronger, shares adding up to one', () => {
    const rules = {
      ruleDistanceExponent: 1,
      ruleBackwardWeight: 0,
      ruleStepsMax: 2,
      ruleHopWeight: 0,
    }
    const index = buildIndex(trainingSessions([[0, 1, 2]]), settingsWith(rules))
    expect([...index.ruleOffsets]).toEqual([0, 2, 3, 3, 3])
    expect([...index.ruleItems]).toEqual([1, 2, 2])
    expect([...index.ruleShares]).toEqual([43690, 21845, 65535])
  })

  it('adds the rules of the items that an item leads to, never back to itself', () => {
    const steps = { ruleStepsMax: 1, ruleBackwardWeight: 1, ruleHalfLifeDays: 1e9 }
    const sessions = trainingSessions([
      [0, 1],
      [1, 2],
    ])
    const index = buildIndex(sessions, settingsWith({ ...steps, ruleHopWeight: 0.5 }))
    const rulesOf = (item: number) =>
      [...index.ruleItems.subarray(index.ruleOffsets[item], index.ruleOffsets[item + 1])].map(
        (other, at) => [other, index.ruleShares[(index.ruleOffsets[item] as number) + at]],
      )
    // From 0 all goes to 1, and from there half of that in halves to 0 and 2: 1 against 1/4.
    expect(rulesOf(0)).toEqual([
      [1, Math.round((0xffff * 4) / 5)],
      [2, Math.round(0xffff / 5)],
    ])
    expect(rulesOf(1).map(([other]) => other)).toEqual([0, 2])
  })

  it('uses four bytes a number where two do not suffice', () => {
    const index = buildIndex(trainingSessions([[0, 70_000]]), settingsWith())
    expect(index.sessionItems).toBeInstanceOf(Int32Array)
    expect(index.postingSessions).toBeInstanceOf(Uint16Array)
  })

  it('refuses what cannot work with a sentence', () => {
    expect(() => buildIndex(trainingSessions([]), settingsWith())).toThrow('no session')
    const tooLong = settingsWith({ sessionItemsMax: 25 })
    expect(() => buildIndex(trainingSessions([[0]]), tooLong)).toThrow('sessionItemsMax')
    const tooSmall = settingsWith({ modelBytesMax: 1000 })
    expect(() => buildIndex(trainingSessions([[0]]), tooSmall)).toThrow('modelBytesMax')
  })

  it('is the same byte for byte', () => {
    const sessions = trainingSessions([
      [0, 1, 2],
      [2, 1],
      [1, 3, 1],
    ])
    const bytes = () => buildModel(buildIndex(sessions, settingsWith()))
    expect(bytes()).toEqual(bytes())
  })
})

describe('indexBuilder', () => {
  const sessions = trainingSessions(
    Array.from({ length: 300 }, (_, at) => [at % 7, (at * 3) % 11, (at * at) % 13, (at * 5) % 17]),
  )
  const walk = [
    {},
    { ruleHopWeight: 0 },
    { ruleHopWeight: 0.3, modelBytesMax: 34_000 },
    { sessionsShare: 0.4, modelBytesMax: 34_000 },
    { ruleStepsMax: 2, windowIdfExponent: 0 },
    { ruleStepsMax: 2, candidateIdfExponent: 0.5, sessionHalfLifeDays: 3 },
    { ruleWeight: 0 },
    {},
  ].map(settingsWith)

  it('builds the same one setting after another as each by itself', () => {
    const indexFor = indexBuilder(sessions)
    for (const settings of walk) expect(indexFor(settings)).toEqual(buildIndex(sessions, settings))
  })

  it('scores what was asked about as the whole index does, where the bytes cut no rule', () => {
    const asked = [3, 5, 16]
    const indexFor = indexBuilder(sessions, new Set(asked))
    const uncut = walk.filter(({ modelBytesMax }) => modelBytesMax > 1_000_000)
    for (const settings of uncut) {
      const of = (index: SessionKnnIndex) => scoreSession(index, Int32Array.from(asked))
      expect(of(indexFor(settings))).toEqual(of(buildIndex(sessions, settings)))
    }
  })
})

describe('the byte budget', () => {
  // 40,000 sessions of five items out of 2,000, no two alike
  const many = trainingSessions(
    Array.from({ length: 40_000 }, (_, session) =>
      Array.from(
        { length: 5 },
        (_, at) => (session * 31 + at * at * 97 + (session % 7) * at) % 2000,
      ),
    ),
    2000,
  )

  it.each([200_000, 500_000, 1_000_000])('of %i bytes is kept and used', (modelBytesMax) => {
    const index = buildIndex(many, settingsWith({ modelBytesMax }))
    const bytes = buildModel(index).length
    expect(bytes).toBeLessThanOrEqual(modelBytesMax)
    expect(bytes).toBeGreaterThan(modelBytesMax * 0.6)
    expect(index.sessionWeights.length).toBeLessThan(40_000)
  })

  it('drops the oldest sessions', () => {
    const index = buildIndex(many, settingsWith({ modelBytesMax: 200_000 }))
    expect([...index.sessionItems.subarray(0, 5)]).toEqual([...many.items.subarray(-5)])
  })
})
