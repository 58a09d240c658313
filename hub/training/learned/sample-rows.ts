import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Label } from './label.ts'

/** Rows in the order of the moments they were asked at; all lists are as long. */
export interface LearnedRows {
  readonly columns: number
  /** Row-major. */
  readonly rows: Float32Array
  /** 1 where it happened, else 0. */
  readonly labels: Uint8Array
  /** Epoch ms. */
  readonly askedAt: Float64Array
  readonly knownAt: Float64Array
}

/** Keeps at most `rowsMax` rows, each of all it was given with the same chance (Vitter 1985, algorithm R). */
export class RowSample {
  readonly #columns: number
  readonly #rowsMax: number
  readonly #random
  readonly #rows: { row: Float32Array; label: Label; askedAt: number }[] = []
  #given = 0

  constructor(columns: number, rowsMax: number, seed: number) {
    this.#columns = columns
    this.#rowsMax = rowsMax
    this.#random = xoroshiro128plus(seed)
  }

  /** How many rows there were to choose from. */
  get given(): number {
    return this.#given
  }

  add(row: Float32Array, label: Label, askedAt: number): void {
    const place =
      this.#given < this.#rowsMax ? this.#given : uniformInt(this.#random, 0, this.#given)
    this.#given++
    if (place < this.#rowsMax) this.#rows[place] = { row, label, askedAt }
  }

  /** What was kept, the oldest first. */
  inOrder(): LearnedRows {
    const kept = this.#rows.toSorted((one, other) => one.askedAt - other.askedAt)
    const rows = new Float32Array(kept.length * this.#columns)
    for (const [at, { row }] of kept.entries()) rows.set(row, at * this.#columns)
    return {
      ...{ columns: this.#columns, rows },
      labels: Uint8Array.from(kept, ({ label }) => (label.happened ? 1 : 0)),
      askedAt: Float64Array.from(kept, ({ askedAt }) => askedAt),
      knownAt: Float64Array.from(kept, ({ label }) => label.knownAt),
    }
  }
}
