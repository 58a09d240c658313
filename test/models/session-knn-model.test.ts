import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { beforeAll, describe, expect, it } from 'vitest'
import { readSessionFile } from '#hub/evaluation/session-file.ts'
import { buildModel } from '#models/session-knn/graph.ts'
import { buildIndex } from '#models/session-knn/train.ts'
import {
  type Candidates,
  candidatesFromOutputs,
  indexFromModel,
  modelInput,
  type SessionKnnIndex,
  scoreSession,
} from '#shared/session-knn.ts'
import { figuresOf, numberSessions, predict, questionsOf } from '#test/bench/session-evaluation.ts'
import { settingsWith, trainingSessions } from './session-knn-fixture.ts'

ort.env.wasm.numThreads = 1
// A model without rules still carries their empty lists; the runtime warns of each.
const quiet = { logSeverityLevel: 3 } as const

/** Loads the model of an index and answers like `scoreSession`. */
async function wasmScorer(index: SessionKnnIndex) {
  const model = await ort.InferenceSession.create(buildModel(index), quiet)
  return async (session: Int32Array): Promise<Candidates> => {
    const window = modelInput(session, index.settings)
    const outputs = await model.run({ session: new ort.Tensor('int32', window, [window.length]) })
    const items = outputs.items?.data as Int32Array
    return candidatesFromOutputs(items, outputs.scores?.data as Float32Array)
  }
}

function expectSame(actual: Candidates, expected: Candidates): void {
  expect([...actual.items]).toEqual([...expected.items])
  actual.scores.forEach((score, at) => {
    expect(Math.abs(score - (expected.scores[at] as number))).toBeLessThanOrEqual(1e-5)
  })
}

const itemsTotal = 9
const anySession = fc.array(fc.nat(itemsTotal - 1), { maxLength: 9 })

describe('the ONNX model in WASM', () => {
  it('answers like scoreSession on any sessions, rules or none, few neighbours or many', async () => {
    const anyTraining = fc.array(fc.array(fc.nat(itemsTotal - 1), { minLength: 1, maxLength: 7 }), {
      minLength: 1,
      maxLength: 15,
    })
    const anySettings = fc.record({
      sessionItemsMax: fc.integer({ min: 1, max: 24 }),
      neighboursMax: fc.integer({ min: 1, max: 20 }),
      sampleSessionsMax: fc.integer({ min: 1, max: 20 }),
      candidatesMax: fc.integer({ min: 1, max: 20 }),
      ruleWeight: fc.constantFrom(0, 1),
      ruleItemsMax: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(
        anyTraining,
        anySettings,
        fc.array(anySession, { minLength: 1, maxLength: 5 }),
        async (sessions, changes, asked) => {
          const training = trainingSessions(sessions, itemsTotal)
          const index = buildIndex(training, settingsWith(changes))
          const score = await wasmScorer(index)
          for (const items of [[], ...asked]) {
            const session = Int32Array.from(items)
            expectSame(await score(session), scoreSession(index, session))
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('indexFromModel', () => {
  it('gives back the index it was built from', () => {
    const index = buildIndex(trainingSessions([[0, 1, 2, 1], [2, 3], [3]]), settingsWith())
    expect(indexFromModel(buildModel(index))).toEqual(index)
  })

  it('says what is missing in another kind of file', () => {
    expect(() => indexFromModel(new Uint8Array())).toThrow('not a session-knn model')
  })
})

const data = resolve(import.meta.dirname, '../../../shared/data/clicks-serenade')

describe.skipIf(!existsSync(data))('on clicks-serenade (skipped where the data is absent)', () => {
  const read = (file: string, order: 'file' | 'time') =>
    readSessionFile(readFileSync(resolve(data, file), 'utf8'), order).sessions
  let index: SessionKnnIndex
  let numbers: Map<string, number>
  let items: number

  beforeAll(() => {
    const numbered = numberSessions(read('train.txt', 'time'))
    numbers = numbered.numbers
    items = numbered.training.itemsTotal
    index = buildIndex(numbered.training, settingsWith())
  })

  it('WASM and TypeScript agree on every validation session', async () => {
    const score = await wasmScorer(index)
    for (const { seen } of questionsOf(read('valid.txt', 'file'), numbers)) {
      expectSame(await score(seen), scoreSession(index, seen))
    }
  }, 120_000)

  it('the file rebuilds the index and stays within 8 MB', () => {
    const bytes = buildModel(index)
    expect(bytes.length).toBeLessThanOrEqual(index.settings.modelBytesMax)
    expect(indexFromModel(bytes)).toEqual(index)
  })

  it('is better than what Serenade publishes for the same predictions', () => {
    const questions = questionsOf(read('test.txt', 'file'), numbers)
    expect(questions).toHaveLength(931)
    const figures = figuresOf(
      predict(questions, (seen) => scoreSession(index, seen)),
      items,
    )
    expect(figures['HitRate@20']).toBeGreaterThanOrEqual(0.6402)
    expect(figures['MRR@20']).toBeGreaterThanOrEqual(0.3401)
  })
})
