import { kmeans } from 'ml-kmeans'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { quantileSorted } from 'simple-statistics'
import { type SegmentsModel, scaledRow, segmentOf } from '#shared/tabular/segments.ts'

export interface SegmentsSettings {
  readonly segmentsMin: number
  readonly segmentsMax: number
  readonly seed: number
}

/** Rows, one a visitor, and how many columns each has; row-major. */
export interface SegmentRows {
  readonly columns: number
  readonly rows: Float32Array
}

export interface TrainedSegments {
  readonly model: SegmentsModel
  /** Mean silhouette, -1 to 1, by the number of segments that was tried. */
  readonly silhouettes: ReadonlyMap<number, number>
  readonly silhouette: number
}

/** More rows say no more of where centres are; */
const learnedRowsMax = 5_000
/** a silhouette asks for the distance of every two. */
const silhouetteRowsMax = 800
/** k-means ends where it began near: the best of so many beginnings. */
const startsTotal = 5

/**
 * k-means (k-means++, the best of five starts) on robustly scaled rows, with as many segments as have the largest mean
 * silhouette (Rousseeuw 1987); of equals the fewest. Null where fewer rows differ than there are to be segments. Same rows, same
 * model.
 */
export function trainSegments(
  all: SegmentRows,
  settings: SegmentsSettings,
): TrainedSegments | null {
  const { segmentsMin, segmentsMax, seed } = settings
  const random = xoroshiro128plus(seed)
  const drawn = draw(rowsOf(all), learnedRowsMax, random)
  const scaling = scalingOf(drawn, all.columns)
  const points = drawn.map((row) => [...scaledRow(scaling, row)])
  const judged = draw(points, silhouetteRowsMax, random)
  const differing = new Set(points.map(String)).size
  const silhouettes = new Map<number, number>()
  let best: TrainedSegments | null = null
  for (let segments = segmentsMin; segments <= Math.min(segmentsMax, differing); segments++) {
    const centroids = bestCentroids(points, segments, seed)
    const model = { ...scaling, centroids: Float32Array.from(centroids.flat()) }
    const silhouette = meanSilhouette(
      judged,
      judged.map((point) => nearestOf(centroids, point)),
    )
    silhouettes.set(segments, silhouette)
    if (best === null || silhouette > best.silhouette) best = { model, silhouettes, silhouette }
  }
  return best
}

/** The segment of every row. */
export function assign(model: SegmentsModel, all: SegmentRows): Int32Array {
  return Int32Array.from(rowsOf(all), (row) => segmentOf(model, row))
}

function rowsOf({ columns, rows }: SegmentRows): Float32Array[] {
  return Array.from({ length: rows.length / columns }, (_, at) =>
    rows.subarray(at * columns, (at + 1) * columns),
  )
}

/** At most so many, each with the same chance, in their order. */
function draw<Row>(
  all: readonly Row[],
  most: number,
  random: ReturnType<typeof xoroshiro128plus>,
): Row[] {
  const places = [...all.keys()]
  for (let at = 0; at < Math.min(most, places.length); at++) {
    const other = uniformInt(random, at, places.length - 1)
    ;[places[at], places[other]] = [places[other] as number, places[at] as number]
  }
  const drawn = places.slice(0, most).sort((one, other) => one - other)
  return drawn.map((place) => all[place] as Row)
}

/**
 * Of every column the median, and what brings its middle half to 1.35 as a normal distribution has it; where more than
 * half are alike, its deviation; where all are, nothing.
 */
function scalingOf(rows: readonly Float32Array[], columns: number) {
  const one = { centres: new Float32Array(columns), scales: new Float32Array(columns).fill(1) }
  const logs = rows.map((row) => unbounded(row))
  for (let column = 0; column < columns; column++) {
    const values = logs.map((row) => row[column] as number).sort((a, b) => a - b)
    if (values.length === 0) continue
    const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantileSorted(values, share))
    const middle = ((high as number) - (low as number)) / 1.349
    const spread = middle > 1e-6 ? middle : deviationOf(values)
    one.centres[column] = median as number
    one.scales[column] = spread > 1e-6 ? 1 / spread : 0
  }
  return one
}

function unbounded(row: Float32Array): Float32Array {
  return row.map((value) => Math.sign(value) * Math.log(Math.abs(value) + 1))
}

function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

function bestCentroids(points: number[][], segments: number, seed: number): number[][] {
  const tried = Array.from({ length: startsTotal }, (_, start) => {
    const { centroids } = kmeans(points, segments, { seed: seed + start })
    const error = points.reduce(
      (sum, point) => sum + squared(point, centroids[nearestOf(centroids, point)] as number[]),
      0,
    )
    return { centroids, error }
  })
  return tried.reduce((best, each) => (each.error < best.error ? each : best)).centroids
}

function nearestOf(centroids: readonly number[][], point: readonly number[]): number {
  const distances = centroids.map((centroid) => squared(centroid, point))
  return distances.indexOf(Math.min(...distances))
}

function squared(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, at) => sum + (value - (other[at] as number)) ** 2, 0)
}

/** How much nearer a point is to its own than to the next segment, as a mean over points; alone in a segment it is 0. */
export function meanSilhouette(points: readonly number[][], segments: readonly number[]): number {
  const members = Map.groupBy(points.keys(), (at) => segments[at] as number)
  const of = points.map((point, at) => {
    const own = segments[at] as number
    const means = [...members].map(([segment, those]) => {
      const sum = those.reduce(
        (total, other) => total + Math.sqrt(squared(point, points[other] as number[])),
        0,
      )
      const count = segment === own ? those.length - 1 : those.length
      return { segment, mean: count === 0 ? Number.NaN : sum / count }
    })
    const inside = means.find(({ segment }) => segment === own)?.mean as number
    const outside = Math.min(
      ...means.flatMap(({ segment, mean }) => (segment === own ? [] : [mean])),
    )
    if (Number.isNaN(inside) || !Number.isFinite(outside)) return 0
    return (outside - inside) / Math.max(inside, outside, Number.MIN_VALUE)
  })
  return of.reduce((sum, each) => sum + each, 0) / Math.max(1, of.length)
}
