import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RowLearning } from '#shared/learning.ts'
import { columnsOf } from '#shared/tabular/feature.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { learningBounds } from './bounds.ts'
import { type Horizon, labelOf } from './label.ts'
import {
  type ReplayedEvent,
  type Replaying,
  replayHistory,
  type StoredEvent,
} from './replay-history.ts'
import { RowSample } from './sample-rows.ts'

const dayMs = 24 * 3_600_000

/** What a model is learned by, beside the events. */
export interface Asking extends Horizon, Omit<Replaying, 'after'> {
  readonly learning: RowLearning
}

/** Gathers the rows of a model from pages of visitors, each whole in one page. */
export class RowGatherer {
  readonly #asking: Asking
  readonly #sample: RowSample
  readonly #random = xoroshiro128plus(learningBounds.seed)

  constructor(asking: Asking) {
    this.#asking = asking
    const { rowsMax, cellsMax, seed } = learningBounds
    const columns = columnsOf(asking.learning.features).length
    this.#sample = new RowSample(columns, Math.min(rowsMax, Math.floor(cellsMax / columns)), seed)
  }

  get sample(): RowSample {
    return this.#sample
  }

  /** Of segments every visitor counts the same, however much it does: by one of its moments. */
  #oneOf<Row>(rows: readonly Row[]): readonly Row[] {
    if (rows.length === 0) return rows
    const at = uniformInt(this.#random, 0, rows.length - 1)
    return rows.slice(at, at + 1)
  }

  take(page: readonly StoredEvent[]): void {
    for (const history of Map.groupBy(page, ({ visitor }) => visitor).values()) {
      const rows = [...rowsOf(history, this.#asking)]
      for (const { row, label, askedAt } of this.#asking.learning.learns === 'segments'
        ? this.#oneOf(rows)
        : rows) {
        this.#sample.add(row, label, askedAt)
      }
    }
  }
}

/** Every moment of a visitor of which it is known what came of it: the row that a POP would have made, and the label. */
export function* rowsOf(history: readonly StoredEvent[], asking: Asking) {
  const { learning, heardUntil } = asking
  const { features, after } = learning
  // Before that, a visitor's totals lack what was not read.
  const sinceMs = heardUntil - learningBounds.days * dayMs
  const { events, moments } = replayHistory(history, { ...asking, after })
  for (const { index, facts } of moments) {
    const { timestamp: askedAt } = events[index] as ReplayedEvent
    const label = askedAt < sinceMs ? null : labelOf(learning, events, index, asking)
    if (label === null) continue
    yield { row: encodeFeatures(features, readFeatures(features, facts)), label, askedAt }
  }
}
