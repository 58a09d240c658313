import { readInitializers, readMetadata } from '../onnx-model.ts'
import { recentMax, type Sight } from './anomaly.ts'

/** How observations become a window: a POP that reads them otherwise refuses the release. */
export const windowReading = 1
/** The last observations, newest first; then the hour as a point on a circle, and 1 on a weekend (UTC). */
export const windowColumns = recentMax + 3
/** In deviations; what is farther off says no more of what comes next than that it was far off. */
export const farthest = 4

/** A linear autoregression: foretold = window · weights + bias, at most `farthest` from 0. */
export interface ForecastModel {
  readonly weights: Float32Array
  readonly bias: Float32Array
}

export const forecastMetadata = { key: 'stream/kind', kind: 'forecast' } as const

/** What a forecast of an observation reads, float32 [windowColumns]; null until there are as many before it. */
export function windowOf({ state, at }: Pick<Sight, 'state' | 'at'>): Float32Array | null {
  const recent = state.foretold?.recent ?? []
  if (recent.length < recentMax) return null
  const date = new Date(at)
  const turn = ((date.getUTCHours() + date.getUTCMinutes() / 60) / 24) * 2 * Math.PI
  const isWeekend = date.getUTCDay() % 6 === 0
  return Float32Array.of(
    ...recent.toReversed().map(clipped),
    ...[Math.sin(turn), Math.cos(turn), isWeekend ? 1 : 0],
  )
}

export function clipped(unusual: number): number {
  return Math.max(-farthest, Math.min(farthest, unusual))
}

/** What a model foretells of an observation, in deviations; in plain TypeScript: fallback at the edge, oracle in tests. */
export function foretell({ weights, bias }: ForecastModel, window: Float32Array): number {
  let sum = 0
  for (const [column, weight] of weights.entries()) {
    sum = Math.fround(sum + Math.fround(weight * (window[column] as number)))
  }
  return clipped(Math.fround(sum + (bias[0] as number)))
}

/** Rebuilds a model from its file. Throws where it is none. */
export function forecastFromModel(modelBytes: Uint8Array): ForecastModel {
  const isOurs = readMetadata(modelBytes).get(forecastMetadata.key) === forecastMetadata.kind
  const tensors = readInitializers(modelBytes)
  const [weights, bias] = [tensors.get('weights')?.data, tensors.get('bias')?.data]
  const isWhole = weights instanceof Float32Array && bias instanceof Float32Array
  if (isOurs && isWhole && weights.length === windowColumns) return { weights, bias }
  throw new Error('not a forecast of a stream')
}
