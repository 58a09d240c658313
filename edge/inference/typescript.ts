import { indexFromModel, scoreSession } from '#shared/session-knn.ts'
import type { Scorer } from './scorer.ts'

/** The same model without WebAssembly, from the constants of its own file: the fallback of `wasmScorer`. */
export function typescriptScorer(model: Uint8Array): Scorer {
  const index = indexFromModel(model)
  return {
    score: async (items) => scoreSession(index, items),
    dispose: async () => {},
  }
}
