import * as ort from 'onnxruntime-web/wasm'
import {
  candidatesFromOutputs,
  modelInput,
  type SessionKnnIndex,
  scoreSession,
} from '#shared/session-knn.ts'
import { openModel } from '../open-model.ts'

const scoreDifferenceMax = 1e-5

/**
 * Runs a model in the runtime the POPs use and holds it against the TypeScript scorer on real sessions.
 * Throws with the first session on which the two differ: such a model is not released.
 */
export async function checkModel(
  model: Uint8Array,
  index: SessionKnnIndex,
  sessions: readonly Int32Array[],
): Promise<void> {
  ort.env.wasm.numThreads = 1
  const runtime = await openModel(model)
  try {
    for (const session of sessions) {
      const input = modelInput(session, index.settings)
      const outputs = await runtime.run({
        session: new ort.Tensor('int32', input, [input.length]),
      })
      const found = candidatesFromOutputs(
        outputs.items?.data as Int32Array,
        outputs.scores?.data as Float32Array,
      )
      const expected = scoreSession(index, session)
      if (!isSame(found, expected)) {
        throw new Error(`ONNX and TypeScript disagree on the session ${[...session].join(', ')}`)
      }
    }
  } finally {
    await runtime.release()
  }
}

interface Candidates {
  readonly items: Int32Array
  readonly scores: Float32Array
}

/** Equal scores may be in any order, and at the end of the list any of them may be missing. */
function isSame(found: Candidates, expected: Candidates): boolean {
  if (found.scores.length !== expected.scores.length) return false
  const scoreOf = new Map(Array.from(expected.items, (item, at) => [item, expected.scores[at]]))
  const lowest = expected.scores.at(-1)
  return found.scores.every((score, at) => {
    const ofItem = scoreOf.get(found.items[at] as number) ?? lowest
    return isNear(score, expected.scores[at]) && isNear(score, ofItem)
  })
}

function isNear(left: number, right: number | undefined): boolean {
  return Math.abs(left - (right as number)) <= scoreDifferenceMax
}
