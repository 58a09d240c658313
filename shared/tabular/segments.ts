import { readInitializers, readMetadata } from '../onnx-model.ts'

/**
 * Segments by their nearest centre. A column is brought to z = (log₁₊|x| with the sign of x − centre) · scale, at most
 * `farthest` from 0; the segment is the one of which the centre is nearest to z.
 */
export interface SegmentsModel {
  /** One a column: the median of all, and what a distance from it is multiplied by; 0 leaves a column out. */
  readonly centres: Float32Array
  readonly scales: Float32Array
  /** A row a segment, in the scale of z. */
  readonly centroids: Float32Array
}

/** Nobody is farther out than this in one column: one order of a million is no segment of its own. */
export const farthest = 4

export const segmentsMetadata = { key: 'tabular/kind', kind: 'segments' } as const
export const segmentsArrays = ['centres', 'scales', 'centroids'] as const

export function isSegmentsModel(modelBytes: Uint8Array): boolean {
  return readMetadata(modelBytes).get(segmentsMetadata.key) === segmentsMetadata.kind
}

/** Rebuilds a model from its file. Throws where it is none. */
export function segmentsFromModel(modelBytes: Uint8Array): SegmentsModel {
  const tensors = readInitializers(modelBytes)
  const [centres, scales, centroids] = segmentsArrays.map((name) => tensors.get(name)?.data)
  const isOurs = [centres, scales, centroids].every((data) => data instanceof Float32Array)
  if (isOurs) return { centres, scales, centroids } as SegmentsModel
  throw new Error('not a model of segments')
}

/** A row as distances are measured in it. */
export function scaledRow(
  { centres, scales }: Pick<SegmentsModel, 'centres' | 'scales'>,
  row: ArrayLike<number>,
): Float32Array {
  return centres.map((centre, column) => {
    const value = row[column] as number
    const log = Math.fround(Math.log(Math.fround(Math.abs(value) + 1)))
    const z = Math.fround(Math.sign(value) * log - centre) * (scales[column] as number)
    return Math.max(-farthest, Math.min(farthest, z))
  })
}

/** The number of the segment of a row, in plain TypeScript: fallback at the edge, oracle in tests. */
export function segmentOf(model: SegmentsModel, row: ArrayLike<number>): number {
  const z = scaledRow(model, row)
  const columns = z.length
  let nearest = 0
  let least = Number.POSITIVE_INFINITY
  for (let segment = 0; segment * columns < model.centroids.length; segment++) {
    const distance = squaredDistance(z, model.centroids.subarray(segment * columns))
    if (distance >= least) continue
    least = distance
    nearest = segment
  }
  return nearest
}

/** Of as many columns as the first has. */
function squaredDistance(one: Float32Array, other: Float32Array): number {
  let sum = 0
  for (const [column, value] of one.entries()) {
    const difference = Math.fround(value - (other[column] as number))
    sum = Math.fround(sum + Math.fround(difference * difference))
  }
  return sum
}
