type NumberedValues = Float32Array | Float64Array

/**
 * Of some entries, each named once, those with the highest values above 0, best first; a tie goes to the lower number as in ONNX's TopK.
 *
 * A heap of `countMax` entries, its worst on top: a popular item touches thousands of sessions, of which
 * a hundred are wanted, and sorting them all would take longer than everything else.
 */
export function highestEntries(
  values: NumberedValues,
  entries: readonly number[],
  countMax: number,
): number[] {
  if (countMax < 1) return []
  const heap: number[] = []
  let lowest = 0
  for (const entry of entries) {
    const value = values[entry] as number
    if (heap.length < countMax) {
      if (value > 0) rise(heap, values, heap.push(entry) - 1)
    } else if (value > lowest || (value === lowest && entry < (heap[0] as number))) {
      sink(heap, values, entry, countMax)
    } else continue
    lowest = values[heap[0] as number] as number
  }
  // The worst leaves the top for the end of what is left, which puts the best first.
  for (let left = heap.length - 1; left > 0; left--) {
    const last = heap[left] as number
    heap[left] = heap[0] as number
    sink(heap, values, last, left)
  }
  return heap
}

function isWorse(values: NumberedValues, one: number, other: number): boolean {
  const value = values[one] as number
  const otherValue = values[other] as number
  return value < otherValue || (value === otherValue && one > other)
}

function rise(heap: number[], values: NumberedValues, from: number): void {
  const entry = heap[from] as number
  let place = from
  while (place > 0) {
    const parent = (place - 1) >> 1
    const above = heap[parent] as number
    if (!isWorse(values, entry, above)) break
    heap[place] = above
    place = parent
  }
  heap[place] = entry
}

/** Puts an entry in the place of the top of the first `length`, and then where it belongs. */
function sink(heap: number[], values: NumberedValues, entry: number, length: number): void {
  let place = 0
  for (let child = 1; child < length; child = 2 * place + 1) {
    const right = child + 1
    const isRight = right < length && isWorse(values, heap[right] as number, heap[child] as number)
    const worst = isRight ? right : child
    if (!isWorse(values, heap[worst] as number, entry)) break
    heap[place] = heap[worst] as number
    place = worst
  }
  heap[place] = entry
}
