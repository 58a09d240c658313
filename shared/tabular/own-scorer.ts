import { bestPrice, demandFromModel, isDemandModel } from './demand.ts'
import { scoreRow, tabularFromModel } from './model.ts'
import { isSegmentsModel, segmentOf, segmentsFromModel } from './segments.ts'

/**
 * What one of our own models says of a row, from the constants of its file. Throws where the file is somebody else's:
 * for that one there is no fallback in TypeScript.
 */
export function ownScorer(modelBytes: Uint8Array): (row: Float32Array) => number {
  if (isDemandModel(modelBytes)) {
    const demand = demandFromModel(modelBytes)
    return (row) => bestPrice(demand, row)
  }
  if (isSegmentsModel(modelBytes)) {
    const segments = segmentsFromModel(modelBytes)
    return (row) => segmentOf(segments, row)
  }
  const own = tabularFromModel(modelBytes)
  return (row) => scoreRow(own, row)
}
