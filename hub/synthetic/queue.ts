import { at } from './random.ts'

/** What is due, earliest first; of the same moment, in the order it was put in. */
export interface DueQueue<T> {
  readonly size: () => number
  /** Infinity when nothing is due. */
  readonly nextAtMs: () => number
  readonly put: (atMs: number, value: T) => void
  readonly take: () => T
}

interface Entry<T> {
  readonly atMs: number
  readonly order: number
  readonly value: T
}

/** A binary heap. It has no bound of its own: who puts things in asks `size` first. */
export function dueQueue<T>(): DueQueue<T> {
  const heap: Entry<T>[] = []
  let puts = 0
  return {
    size: () => heap.length,
    nextAtMs: () => heap[0]?.atMs ?? Number.POSITIVE_INFINITY,
    put: (atMs, value) => {
      heap.push({ atMs, order: puts++, value })
      siftUp(heap, heap.length - 1)
    },
    take: () => {
      const first = at(heap, 0)
      const last = at(heap, heap.length - 1)
      heap.length -= 1
      if (heap.length > 0) {
        heap[0] = last
        siftDown(heap)
      }
      return first.value
    },
  }
}

function siftUp<T>(heap: Entry<T>[], from: number): void {
  for (let child = from; child > 0; ) {
    const parent = (child - 1) >> 1
    if (!before(heap, child, parent)) return
    swap(heap, child, parent)
    child = parent
  }
}

function siftDown<T>(heap: Entry<T>[]): void {
  for (let parent = 0; ; ) {
    const left = 2 * parent + 1
    if (left >= heap.length) return
    const smaller = left + 1 < heap.length && before(heap, left + 1, left) ? left + 1 : left
    if (!before(heap, smaller, parent)) return
    swap(heap, smaller, parent)
    parent = smaller
  }
}

function before<T>(heap: readonly Entry<T>[], one: number, other: number): boolean {
  const [a, b] = [at(heap, one), at(heap, other)]
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function swap<T>(heap: Entry<T>[], one: number, other: number): void {
  const moved = at(heap, one)
  heap[one] = at(heap, other)
  heap[other] = moved
}
