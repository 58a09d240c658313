import { medianSorted } from 'simple-statistics'
import type { SegmentsModel } from '#shared/tabular/segments.ts'
import { matchSegments } from './compare.ts'
import { assign, type SegmentRows } from './train.ts'

/** A segment as people read it. */
export interface Segment {
  readonly name: string
  /** A sentence: how large it is, and what sets it apart. */
  readonly says: string
}

/** What was released before under the same name and features. */
export interface SegmentsBefore {
  readonly model: SegmentsModel
  readonly segments: readonly Segment[]
}

/** A column that is so far from the median of all is worth a word. */
const tellingMin = 0.5
const tellingMax = 2

/**
 * Names segments by what sets them apart, or as they were named before where they are the same visitors, and puts them in the
 * order that they had: a number goes on meaning what it meant. The rest follow, the largest first.
 */
export function describeSegments(
  model: SegmentsModel,
  all: SegmentRows,
  names: readonly string[],
  before: SegmentsBefore | null,
): { readonly model: SegmentsModel; readonly segments: readonly Segment[] } {
  const { columns } = all
  const total = model.centroids.length / columns
  const now = assign(model, all)
  const shares = Array.from({ length: total }, (_, segment) => {
    return now.filter((each) => each === segment).length / Math.max(1, now.length)
  })
  const old = before
    ? matchSegments(now, assign(before.model, all), total)
    : new Array<number>(total).fill(-1)
  const order = orderOf(old, shares)
  const taken = new Set(old.flatMap((each) => before?.segments[each]?.name ?? []))
  const segments = order.map((segment): Segment => {
    const apart = tellingOf(model, all, now, segment, names)
    const name = before?.segments[old[segment] as number]?.name ?? unused(nameOf(apart), taken)
    taken.add(name)
    const share = Math.round((shares[segment] as number) * 100)
    const told = apart.map(({ says }) => says).join(', ') || 'as most are'
    return { name, says: `${share} % of visitors: ${told}` }
  })
  const centroids = order.flatMap((segment) => [
    ...model.centroids.subarray(segment * columns, (segment + 1) * columns),
  ])
  return { model: { ...model, centroids: Float32Array.from(centroids) }, segments }
}

function orderOf(old: readonly number[], shares: readonly number[]): number[] {
  const order = new Array<number>(old.length).fill(-1)
  for (const [segment, was] of old.entries())
    if (was >= 0 && was < order.length) order[was] = segment
  const rest = [...old.keys()]
    .filter((segment) => !order.includes(segment))
    .sort((one, other) => (shares[other] as number) - (shares[one] as number))
  return order.map((segment) => (segment === -1 ? (rest.shift() as number) : segment))
}

interface Telling {
  readonly word: string
  readonly says: string
}

/** The columns in which a segment is farthest from the median of all, the farthest first. */
function tellingOf(
  model: SegmentsModel,
  { columns, rows }: SegmentRows,
  now: Int32Array,
  segment: number,
  names: readonly string[],
): Telling[] {
  const own = model.centroids.subarray(segment * columns, (segment + 1) * columns)
  return [...own.entries()]
    .filter(([, z]) => Math.abs(z) >= tellingMin)
    .sort(([, one], [, other]) => Math.abs(other) - Math.abs(one))
    .slice(0, tellingMax)
    .map(([column, z]) => {
      const valuesOf = (isIn: (at: number) => boolean) =>
        Array.from(now.keys())
          .filter(isIn)
          .map((at) => rows[at * columns + column] as number)
          .sort((one, other) => one - other)
      const inside = medianSorted(valuesOf((at) => now[at] === segment))
      const everybody = medianSorted(valuesOf(() => true))
      const word = `${z > 0 ? 'high' : 'low'}-${names[column]}`
      return { word, says: `${names[column]} ${short(inside)} (of all ${short(everybody)})` }
    })
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function nameOf(apart: readonly Telling[]): string {
  return apart.map(({ word }) => word).join('-') || 'typical'
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let tried = name
  for (let number = 2; taken.has(tried); number++) tried = `${name}-${number}`
  return tried
}
