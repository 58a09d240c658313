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
  const isWorse = (left: number, right: number) =>
    readAt(values, left) < readAt(values, right) || (values[left] === values[right] && left > right)
  const heap: number[] = []
  for (const entry of entries) {
    if (!(readAt(values, entry) > 0)) continue
    if (heap.length < countMax) rise(heap, heap.push(entry) - 1, isWorse)
    else if (countMax > 0 && isWorse(heap[0] as number, entry)) {
      heap[0] = entry
      sink(heap, isWorse)
    }
  }
  return heap.sort((left, right) => (isWorse(right, left) ? -1 : 1))
}

type IsWorse = (left: number, right: number) => boolean

function rise(heap: number[], from: number, isWorse: IsWorse): void {
  let place = from
  while (place > 0) {
    const parent = (place - 1) >> 1
    if (!isWorse(heap[place] as number, heap[parent] as number)) return
    swap(heap, place, parent)
    place = parent
  }
}

function sink(heap: number[], isWorse: IsWorse): void {
  let place = 0
  for (;;) {
    let worst = place
    for (const child of [2 * place + 1, 2 * place + 2]) {
      if (child < heap.length && isWorse(heap[child] as number, heap[worst] as number))
        worst = child
    }
    if (worst === place) return
    swap(heap, place, worst)
    place = worst
  }
}

function swap(heap: number[], one: number, other: number): void {
  const held = heap[one] as number
  heap[one] = heap[other] as number
  heap[other] = held
}

function readAt(values: NumberedValues, entry: number): number {
  return values[entry] as number
}
