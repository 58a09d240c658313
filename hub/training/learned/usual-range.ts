import { learningBounds } from './bounds.ts'
import type { LearnedRows } from './sample-rows.ts'

/**
 * The same rows, with each feature (all columns but the last) no further out than all but a few of the rows at `places`.
 * Anybody can tell a number beyond all others, and times the price one such would outweigh whoever was honest. Flags and
 * categories stay as they are, however rare: what most of is from 0 to 1 may be anything from 0 to 1.
 */
export function withinUsual(learned: LearnedRows, places: readonly number[]): LearnedRows {
  const { columns } = learned
  const rows = learned.rows.slice()
  const cut = Math.ceil(places.length * learningBounds.unusualShare)
  for (let column = 0; column < columns - 1; column++) {
    const values = Float32Array.from(places, (at) => rows[at * columns + column] as number).sort()
    const [low, high] = [values.at(cut) as number, values.at(-1 - cut) as number]
    const [from, to] = low >= 0 && high <= 1 ? [0, 1] : [low, high]
    for (let at = column; at < rows.length; at += columns) {
      rows[at] = Math.max(from, Math.min(to, rows[at] as number))
    }
  }
  return { ...learned, rows }
}
