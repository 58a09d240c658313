import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildIndex } from '#models/session-knn/train.ts'
import { candidatesFromOutputs, modelInput, scoreSession } from '#shared/session-knn.ts'
import { settingsWith, trainingSessions } from '#test/models/session-knn-fixture.ts'

const itemsTotal = 12
const session = (lengthMax: number) =>
  fc.array(fc.nat(itemsTotal - 1), { maxLength: lengthMax }).map((items) => Int32Array.from(items))
const training = fc.array(fc.array(fc.nat(itemsTotal - 1), { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 20,
})
const settings = settingsWith({ sessionItemsMax: 3, neighboursMax: 4, candidatesMax: 7 })

describe('modelInput', () => {
  it('is the last distinct items, newest first, padded with -1', () => {
    expect([...modelInput(Int32Array.of(5, 7, 5), { sessionItemsMax: 4 })]).toEqual([5, 7, -1, -1])
    expect([...modelInput(Int32Array.of(1, 2, 3, 4), { sessionItemsMax: 2 })]).toEqual([4, 3])
    expect([...modelInput(Int32Array.of(), { sessionItemsMax: 2 })]).toEqual([-1, -1])
  })
})

describe('candidatesFromOutputs', () => {
  it('drops the entries without evidence at the end', () => {
    const { items, scores } = candidatesFromOutputs([4, 2, 0], [0.5, 0.25, 0])
    expect([...items]).toEqual([4, 2])
    expect([...scores]).toEqual([0.5, 0.25])
  })
})

describe('scoreSession', () => {
  it('gives finite, positive, descending scores of distinct known items, at most K', () => {
    fc.assert(
      fc.property(training, session(10), (sessions, asked) => {
        const index = buildIndex(trainingSessions(sessions, itemsTotal), settings)
        const { items, scores } = scoreSession(index, asked)
        expect(items.length).toBe(scores.length)
        expect(items.length).toBeLessThanOrEqual(settings.candidatesMax)
        expect(new Set(items).size).toBe(items.length)
        const known = new Set(sessions.flat())
        items.forEach((item, at) => {
          const score = scores[at] as number
          expect(known.has(item)).toBe(true)
          expect(Number.isFinite(score) && score > 0).toBe(true)
          if (at > 0) expect(scores[at - 1]).toBeGreaterThanOrEqual(score)
        })
      }),
    )
  })

  it('is the same every time and looks at nothing before the window', () => {
    fc.assert(
      fc.property(training, session(4), session(10), (sessions, before, asked) => {
        const index = buildIndex(trainingSessions(sessions, itemsTotal), settings)
        const once = scoreSession(index, asked)
        expect(scoreSession(index, asked)).toEqual(once)
        fc.pre(new Set(asked).size >= settings.sessionItemsMax)
        expect(scoreSession(index, Int32Array.from([...before, ...asked]))).toEqual(once)
      }),
    )
  })

  it('has nothing to say on an empty session', () => {
    const index = buildIndex(trainingSessions([[0, 1, 2]]), settings)
    expect(scoreSession(index, Int32Array.of()).items).toHaveLength(0)
  })

  it('knows what followed a single item', () => {
    const index = buildIndex(
      trainingSessions([
        [0, 1],
        [0, 1],
        [2, 3],
      ]),
      settings,
    )
    expect([...scoreSession(index, Int32Array.of(2)).items].sort()).toEqual([2, 3])
  })
})

describe('scoreSession, computed by hand', () => {
  // Nothing decays but the place in the window and the distance, both to e^-1 a step.
  const plain = settingsWith({
    sessionItemsMax: 2,
    windowDecayItems: 1,
    matchDecayItems: 1e9,
    neighbourDecaySteps: 1,
    sessionHalfLifeDays: 1e9,
    windowIdfExponent: 0,
    candidateIdfExponent: 0,
    ruleWeight: 0,
    ruleHopWeight: 0,
    seenBoost: 1,
    currentBoost: 1,
  })
  const sessions = trainingSessions([
    [0, 1, 2],
    [3, 1],
  ])
  const decay = Math.exp(-1)

  it('sums the votes of the neighbours around the newest shared item', () => {
    const index = buildIndex(sessions, plain)
    // Window: 1, then 0. Session [0, 1, 2] shares both: similarity 1 + e^-1; session [3, 1] only 1: 1.
    // Votes around item 1: [e^-1, 1, e^-1] × (1 + e^-1) and [e^-1, 1].
    const votes = new Map([
      [1, 1 + decay + 1],
      [0, decay * (1 + decay)],
      [2, decay * (1 + decay)],
      [3, decay],
    ])
    const total = [...votes.values()].reduce((sum, vote) => sum + vote, 0)
    const { items, scores } = scoreSession(index, Int32Array.of(0, 1))
    expect([...items]).toEqual([1, 0, 2, 3])
    items.forEach((item, at) => {
      expect(scores[at]).toBeCloseTo((votes.get(item) as number) / total, 6)
    })
  })

  it('lets only the nearest session vote where k is 1', () => {
    const index = buildIndex(sessions, { ...plain, neighboursMax: 1 })
    expect([...scoreSession(index, Int32Array.of(0, 1)).items]).toEqual([1, 0, 2])
  })

  it('prefers the newer session on a tie', () => {
    const index = buildIndex(sessions, { ...plain, neighboursMax: 1 })
    expect([...scoreSession(index, Int32Array.of(1)).items]).toEqual([1, 3])
  })

  it('boosts what was seen, and the newest item by a factor of its own', () => {
    const asked = Int32Array.of(0, 1)
    const without = scoreSession(buildIndex(sessions, plain), asked)
    const boosts = { seenBoost: 2, currentBoost: 3 }
    const boosted = scoreSession(buildIndex(sessions, { ...plain, ...boosts }), asked)
    const scoreOf = ({ items, scores }: typeof without, item: number) =>
      scores[items.indexOf(item)] as number
    const factors = [0, 1, 2, 3].map((item) => scoreOf(boosted, item) / scoreOf(without, item))
    expect(factors.map((factor) => Math.round(factor * 1e5) / 1e5)).toEqual([2, 3, 1, 1])
  })

  it('adds the rules of the last item', () => {
    const rules = {
      ruleWeight: 0.5,
      ruleStepsMax: 1,
      ruleHalfLifeDays: 1e9,
      ruleBackwardWeight: 0,
      ruleItemsMax: 1,
    }
    const without = scoreSession(buildIndex(sessions, plain), Int32Array.of(1))
    const withRules = scoreSession(buildIndex(sessions, { ...plain, ...rules }), Int32Array.of(1))
    const scoreOf2 = ({ items, scores }: typeof without) => scores[items.indexOf(2)] as number
    // The only thing that ever came right after 1 is 2: its share is all of 0.5.
    expect(scoreOf2(withRules) - scoreOf2(without)).toBeCloseTo(0.5, 6)
  })
})
