import { buildForecastModel } from '#models/anomaly/graph.ts'
import { ForecastSums } from '#models/anomaly/train.ts'
import { learnFrom, type Sight, type StreamState, see } from '#shared/stream/anomaly.ts'
import { windowOf } from '#shared/stream/forecast.ts'
import { numberIn } from '#shared/tabular/read-features.ts'
import { learningBounds } from './bounds.ts'
import { checkForecast } from './check-forecast.ts'
import type { StoredReading } from './read-streams.ts'
import { noModel, type TrainedRows } from './train-rows.ts'

const windowsChecked = 100
/** The first residuals of a stream say nothing. */
const learnedFromMs = 24 * 3_600_000

/** A window, and how unusual the reading after it was, in deviations. */
export interface Foreseeable {
  readonly window: Float32Array
  readonly unusual: number
}

/** What a POP would have asked a model about the readings of one stream, the oldest first. */
export function* windowsOf(
  readings: readonly { readonly at: number; readonly value: number }[],
): Generator<Foreseeable> {
  let state: StreamState | null = null
  for (const { at, value } of readings) {
    const sight: Sight | null = state !== null && at <= state.lastAt ? null : see(state, value, at)
    if (sight === null) continue
    const window = windowOf(sight)
    const { unusual } = sight
    if (window && at - sight.state.firstAt > learnedFromMs) yield { window, unusual }
    state = learnFrom(sight, { foretold: null }).state
  }
}

/** Learns one model for all streams of a site, from sums: how many readings there are is no matter of memory. */
export class StreamLearner {
  readonly #earlier = new ForecastSums()
  /** The newest of each stream: what is learned must foretell what was not seen. */
  readonly #judged = new ForecastSums()
  #checked: Float32Array[] = []

  /** Whole streams, each newest first. */
  take(page: readonly StoredReading[]): void {
    for (const stored of Map.groupBy(page, ({ visitor }) => visitor).values()) {
      const readings = stored
        .map(({ at, value }) => ({ at, value: numberIn(JSON.parse(value)) }))
        .reverse()
      const windows = [...windowsOf(readings)]
      const judgedFrom = Math.floor(windows.length * (1 - learningBounds.judgedShare))
      for (const [place, { window, unusual }] of windows.entries()) {
        const sums = place < judgedFrom ? this.#earlier : this.#judged
        sums.add(window, unusual)
      }
      this.#checked.push(...windows.slice(-windowsChecked).map(({ window }) => window))
      this.#checked = this.#checked.slice(-windowsChecked)
    }
  }

  /** Judges by the newest readings what the earlier taught; what is released is learned from all. Same readings, same bytes. */
  async train(): Promise<TrainedRows> {
    const { windowsLearnedMin, windowsJudgedMin } = learningBounds
    const [earlier, judged] = [this.#earlier.total, this.#judged.total]
    const counts = { windows: earlier + judged }
    if (earlier < windowsLearnedMin || judged < windowsJudgedMin) {
      const reason = `${earlier} readings to learn from and ${judged} to judge by, each after a day of its stream; ${windowsLearnedMin} and ${windowsJudgedMin} are needed`
      return { ...noModel, outcome: 'too_little', reason, figures: counts }
    }
    const errors = this.#judged.errors(this.#earlier.solve())
    const figures = {
      ...{ ...counts, judgedWindows: judged },
      ...{ squaredError: errors.model, usualSquaredError: errors.usual },
    }
    const isBetter = errors.model < errors.usual
    const reason = `mean squared error ${errors.model.toFixed(4)} is ${isBetter ? '' : 'not '}below ${errors.usual.toFixed(4)}, which expecting the usual has`
    if (!isBetter) return { ...noModel, outcome: 'not_better', reason, figures }
    const model = this.#earlier.with(this.#judged).solve()
    const bytes = buildForecastModel(model)
    await checkForecast(bytes, this.#checked)
    return {
      ...{ outcome: 'learned', reason, figures, reliability: [], family: 'forecast' },
      ...{ model, bytes },
    }
  }
}
