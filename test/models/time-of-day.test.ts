import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { expect, test } from 'vitest'
import { buildTasteModel } from '#models/time-of-day/graph.ts'
import {
  defaultTasteSettings,
  meanLogShare,
  type TasteCounts,
  trainTaste,
} from '#models/time-of-day/train.ts'
import { type Candidates, candidatesFromOutputs } from '#shared/session-knn.ts'
import {
  scoreTaste,
  slotOf,
  slotsTotal,
  type TasteModel,
  tasteFromModel,
  tasteInputs,
} from '#shared/time-of-day.ts'

ort.env.wasm.numThreads = 1

const nobody: Candidates = { items: Int32Array.of(), scores: Float32Array.of() }

/** Items 0 and 1 are news, 2 and 3 series. */
function countsOf(taken: readonly (readonly [slot: number, item: number, times: number])[]) {
  const counts = new Float64Array(slotsTotal * 4)
  for (const [slot, item, times] of taken) counts[slot * 4 + item] = times
  return { counts, categories: Int32Array.of(0, 0, 1, 1) } satisfies TasteCounts
}

const settings = { ...defaultTasteSettings, shrinkage: 10 }
const [morning, evening] = [slotOf({ hour: 7, weekday: 2 }), slotOf({ hour: 21, weekday: 2 })]
const counts = countsOf([
  [morning, 0, 90],
  [morning, 2, 10],
  [evening, 2, 80],
  [evening, 3, 20],
  [evening, 1, 5],
])

test('what is taken at an hour is named at that hour, and near it', () => {
  const model = trainTaste(counts, settings)
  const first = (slot: number) => scoreTaste(model, slot, nobody).items[0]
  expect(first(morning)).toBe(0)
  expect(first(morning + 1)).toBe(0)
  expect(first(evening)).toBe(2)
  // News is watched in the morning: so is the news that nobody watched then yet, before any other series.
  expect([...scoreTaste(model, morning, nobody).items].slice(0, 3)).toContain(1)
})

test('a time of which nothing is known is as all times together', () => {
  const model = trainTaste(counts, settings)
  const night = slotOf({ hour: 3, weekday: 6 })
  const row = model.shares.subarray(night * 5, night * 5 + 4)
  for (const [item, share] of row.entries()) expect(share).toBeCloseTo(model.overall[item] ?? 0, 6)
  for (let slot = 0; slot < slotsTotal; slot++) {
    const sum = model.shares.subarray(slot * 5, slot * 5 + 4).reduce((all, share) => all + share, 0)
    expect(sum).toBeCloseTo(1, 5)
  }
})

test('more knows more: what came later had been given a larger share than without the hour', () => {
  const known = trainTaste(counts, settings)
  const hardly = trainTaste(counts, { ...settings, shrinkage: 1e9 })
  expect(meanLogShare(known, counts)).toBeGreaterThan(meanLogShare(hardly, counts))
})

test('what a session names counts more at its hour than at another', () => {
  const model = trainTaste(counts, settings)
  const near = { items: Int32Array.of(0, 2), scores: Float32Array.of(1, 1) }
  expect(scoreTaste(model, morning, near).items[0]).toBe(0)
  expect(scoreTaste(model, evening, near).items[0]).toBe(2)
  expect([...scoreTaste({ ...model, sessionWeight: 1 }, morning, near).items]).toEqual([0, 2])
})

test('weekdays and weekends have hours of their own', () => {
  expect(slotOf({ hour: 0, weekday: 1 })).toBe(0)
  expect(slotOf({ hour: 23, weekday: 5 })).toBe(23)
  expect(slotOf({ hour: 0, weekday: 6 })).toBe(24)
  expect(slotOf({ hour: 23, weekday: 7 })).toBe(47)
  expect(slotOf({ hour: -3.5, weekday: 1 })).toBe(0)
  expect(slotOf({ hour: 1e9, weekday: 9 })).toBe(47)
})

const anyTaste = fc
  .record({
    taken: fc.array(
      fc.tuple(fc.nat(slotsTotal - 1), fc.nat(3), fc.integer({ min: 1, max: 1_000 })),
      { maxLength: 40 },
    ),
    sessionWeight: fc.constantFrom(0, 0.3, 0.6, 1),
    candidatesMax: fc.constantFrom(2, 4, 100),
  })
  .map(({ taken, ...given }) => trainTaste(countsOf(taken), { ...settings, ...given }))
const anyNear = fc
  .array(fc.tuple(fc.nat(6), fc.float({ min: 0, max: 1, noNaN: true })), { maxLength: 7 })
  .map((named) => ({
    items: Int32Array.from(named, ([item]) => item),
    scores: Float32Array.from(named, ([, score]) => score),
  }))

test('WebAssembly and TypeScript name the same, to the bit', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyTaste,
      fc.array(fc.tuple(fc.nat(slotsTotal - 1), anyNear), { maxLength: 4 }),
      async (model: TasteModel, asked) => {
        const file = buildTasteModel(model)
        const read = tasteFromModel(file)
        expect(read).toEqual(model)
        const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 })
        for (const [slot, near] of asked) {
          const declared = { itemsTotal: 4, candidatesMax: model.candidatesMax }
          const { candidates, weights } = tasteInputs(near, declared)
          const outputs = await session.run({
            slot: new ort.Tensor('int32', Int32Array.of(slot), [1]),
            candidates: new ort.Tensor('int32', candidates, [candidates.length]),
            weights: new ort.Tensor('float32', weights, [weights.length]),
          })
          const told = candidatesFromOutputs(
            outputs.items?.data as Int32Array,
            outputs.scores?.data as Float32Array,
          )
          expect(told).toEqual(scoreTaste(read, slot, near))
        }
        await session.release()
      },
    ),
    { numRuns: 60, seed: 1 },
  )
})
