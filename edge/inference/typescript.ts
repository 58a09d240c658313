import { indexFromModel, scoreSession } from '#shared/session-knn.ts'
import { forecastFromModel, foretell } from '#shared/stream/forecast.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'
import { scoreText, textFromModel } from '#shared/text/model.ts'
import { scoreTaste, tasteFromModel } from '#shared/time-of-day.ts'
import type { ForecastScorer, ItemScorer, RowScorer, TasteScorer, TextScorer } from './scorer.ts'

// The same models without WebAssembly, from the constants of their own files. Each throws where the file is
// none of ours: somebody else's model has no second form.

/** The fallback of `wasmItemScorer` for a session-kNN model. */
export function typescriptItemScorer(model: Uint8Array): ItemScorer {
  const index = indexFromModel(model)
  return {
    score: async (items) => scoreSession(index, items),
    dispose: async () => {},
  }
}

/** The fallback of `wasmRowScorer` for a tabular model of ours. */
export function typescriptRowScorer(model: Uint8Array): RowScorer {
  const score = ownScorer(model)
  return {
    score: async (row) => score(row),
    dispose: async () => {},
  }
}

/** The fallback of `wasmTextScorer`. */
export function typescriptTextScorer(model: Uint8Array): TextScorer {
  const text = textFromModel(model)
  return {
    score: async (inputs) => scoreText(text, inputs),
    dispose: async () => {},
  }
}

/** The fallback of `wasmTasteScorer`. */
export function typescriptTasteScorer(model: Uint8Array): TasteScorer {
  const taste = tasteFromModel(model)
  return {
    score: async (slot, near) => scoreTaste(taste, slot, near),
    dispose: async () => {},
  }
}

/** The fallback of `wasmForecastScorer`. */
export function typescriptForecastScorer(model: Uint8Array): ForecastScorer {
  const forecast = forecastFromModel(model)
  return {
    score: async (window) => foretell(forecast, window),
    dispose: async () => {},
  }
}
