/** How often each pair of segments meets in the same rows: `counts[one][other]`. */
export function crossTable(one: ArrayLike<number>, other: ArrayLike<number>): number[][] {
  const width = 1 + Math.max(-1, ...Array.from(other))
  const counts: number[][] = Array.from({ length: 1 + Math.max(-1, ...Array.from(one)) }, () =>
    new Array<number>(width).fill(0),
  )
  for (let at = 0; at < one.length; at++) {
    const row = counts[one[at] as number] as number[]
    row[other[at] as number] = (row[other[at] as number] as number) + 1
  }
  return counts
}

const pairs = (count: number) => (count * (count - 1)) / 2
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** The adjusted Rand index (Hubert and Arabie 1985): 1 where two say the same of every pair of rows, 0 by chance. */
export function adjustedRand(one: ArrayLike<number>, other: ArrayLike<number>): number {
  const counts = crossTable(one, other)
  const together = sum(counts.flat().map(pairs))
  const ofOne = sum(counts.map((row) => pairs(sum(row))))
  const ofOther = sum(
    (counts[0] ?? []).map((_, at) => pairs(sum(counts.map((row) => row[at] ?? 0)))),
  )
  const expected = (ofOne * ofOther) / Math.max(1, pairs(one.length))
  const most = (ofOne + ofOther) / 2
  return most === expected ? 1 : (together - expected) / (most - expected)
}

/** Below it, two segments share too few for one to be the other under its old name. */
const overlapMin = 0.5

/**
 * Which old segment each new one is, -1 where it is none: those that share most first, each once, where at least half of those
 * that are in either are in both (Jaccard).
 */
export function matchSegments(
  now: ArrayLike<number>,
  before: ArrayLike<number>,
  segments: number,
): number[] {
  const counts = crossTable(now, before)
  const all = counts.flatMap((row, own) =>
    row.map((both, old) => {
      const either = sum(row) + sum(counts.map((each) => each[old] ?? 0)) - both
      return { own, old, overlap: both / Math.max(1, either) }
    }),
  )
  const found = new Array<number>(segments).fill(-1)
  for (const { own, old, overlap } of all.sort((a, b) => b.overlap - a.overlap)) {
    if (overlap < overlapMin || found[own] !== -1 || found.includes(old)) continue
    found[own] = old
  }
  return found
}
