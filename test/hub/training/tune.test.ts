import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { search } from '#hub/training/search.ts'
import { newest, newestClicks, splitOff } from '#hub/training/split-sessions.ts'
import { trainModel } from '#hub/training/train-model.ts'
import { tune } from '#hub/training/tune.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { settingsWith, trainingSessions } from '#test/models/session-knn-fixture.ts'

const options = { modelBytesMax: 1_000_000, includesCurrent: false, seed: 1, report: () => {} }

/** Sessions a, b, c, b: whoever was at c goes back to what came before it, and nobody else ever does. */
const comingBack = Array.from({ length: 6_000 }, (_, at) => {
  const shelf = ((at * 7) % 60) * 3
  return [shelf, shelf + 1, shelf + 2, shelf + 1]
})

describe('a search', () => {
  const random = () => xoroshiro128plus(1)
  /** What a question gains where only `seenBoost` matters, and the others are noise. */
  const measured = (best: number) => (settings: { seenBoost: number }, share: number) =>
    Float64Array.from({ length: 300 * share }, (_, at) =>
      settings.seenBoost === best ? 1 : ((at * 37) % 10) / 10,
    )

  it('takes the value that wins, and leaves the others as they were', () => {
    const found = search({
      start: settingsWith(),
      ...{ space: { seenBoost: [1, 2, 24], ruleWeight: [0.3, 1.2] }, random: random() },
      ...{ trialsMax: 50, measure: measured(2) },
    })
    expect(found.settings).toEqual(settingsWith({ seenBoost: 2 }))
  })

  it('keeps what it has where nothing wins by more than noise', () => {
    const gains = (value: number) =>
      Float64Array.from({ length: 300 }, (_, at) => ((at * value) % 7) / 7)
    const found = search({
      start: settingsWith(),
      ...{ space: { seenBoost: [3, 5] }, random: random(), trialsMax: 50 },
      measure: (settings, share) => gains(settings.seenBoost).slice(0, 300 * share),
    })
    expect(found.settings).toEqual(settingsWith())
  })

  it('stops at its bound', () => {
    let measurements = 0
    const { trials } = search({
      start: settingsWith(),
      ...{ space: { seenBoost: [1, 2, 3, 4, 5, 6] }, random: random(), trialsMax: 4 },
      measure: (_, share) => {
        measurements++
        return new Float64Array(300 * share)
      },
    })
    expect(trials).toBe(4)
    expect(measurements).toBeLessThanOrEqual(2 * 4)
  })
})

describe('a shop is tuned', () => {
  it('the same way every time, to what its own sessions say', () => {
    const sessions = trainingSessions(comingBack)
    const tuned = tune(sessions, options)
    expect(tuned.questions).toBeGreaterThan(200)
    expect(tuned.after.mrr20).toBeGreaterThanOrEqual(tuned.before.mrr20)
    expect(tuned.settings.modelBytesMax).toBe(1_000_000)
    expect(tune(sessions, options)).toEqual(tuned)
  }, 60_000)

  it('not at all where it has too little to tell by', () => {
    const tuned = tune(trainingSessions(comingBack.slice(0, 500)), options)
    expect(tuned).toMatchObject({ trials: 0, questions: 0 })
    expect(tuned.settings).toEqual({ ...defaultSessionKnnSettings, modelBytesMax: 1_000_000 })
  })

  it('and its model is made by those settings, within the bytes asked for', async () => {
    const sessions = trainingSessions(comingBack)
    const { model, tuning, verdict } = await trainModel(sessions, { modelBytesMax: 100_000 })
    expect(model.length).toBeLessThanOrEqual(100_000)
    expect(tuning.trials).toBeGreaterThan(0)
    expect(verdict.passed).toBe(true)
  }, 60_000)
})

describe('sessions', () => {
  const sessions = trainingSessions([[0, 1], [2], [3, 4, 5]])

  it('are split where the newest begin', () => {
    expect([...splitOff(sessions, 1).items]).toEqual([0, 1, 2])
    expect(newest(sessions, 2).map((items) => [...items])).toEqual([[2], [3, 4, 5]])
    expect(newest(sessions, 9)).toHaveLength(3)
  })

  it('are cut to the newest with so many clicks', () => {
    expect([...newestClicks(sessions, 4).items]).toEqual([2, 3, 4, 5])
    expect([...newestClicks(sessions, 4).sessionOffsets]).toEqual([0, 1, 4])
    expect([...newestClicks(sessions, 2).items]).toEqual([3, 4, 5])
    expect(newestClicks(sessions, 100)).toBe(sessions)
  })
})
