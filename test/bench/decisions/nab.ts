import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { median } from 'simple-statistics'
import { gaussianScores } from '#examples/vitals-and-machines/baselines.ts'
import { readCorpus, type Series } from '#examples/vitals-and-machines/read-series.ts'
import { type NabResult, scoreNab } from '#hub/evaluation/nab.ts'
import { windowsOf } from '#hub/training/learned/train-stream.ts'
import { ForecastSums } from '#models/anomaly/train.ts'
import {
  defaultStreamSettings,
  learnFrom,
  observe,
  type StreamSettings,
  type StreamState,
  see,
} from '#shared/stream/anomaly.ts'
import { type ForecastModel, foretell, windowOf } from '#shared/stream/forecast.ts'

// Anomalies in series with known causes, by the rule of the benchmark they come from.

const folder = resolve(import.meta.dirname, '../../../../shared/data/sensors-nab')
const hourMs = 3_600_000

export interface NabFigures {
  readonly figures: Readonly<Record<string, number>>
  /** A line of text each, for people. */
  readonly lines: readonly string[]
}

/**
 * The detector of the POP, with a model and without, and a windowed Gaussian on the same series. The model of a series is learned from
 * the other six, so that none has seen what it is judged by. null where the data is not here. */
export function nabFigures(): NabFigures | null {
  if (!existsSync(folder)) return null
  const corpus = readCorpus(folder)
  const own = scoreNab(corpus.map((series) => ({ ...series, scores: streamScores(series) })))
  const gaussian = scoreNab(corpus.map((series) => ({ ...series, scores: gaussianScores(series) })))
  const forecast = scoreNab(foretoldCorpus(corpus))
  const neighbours = neighboursOf(corpus)
  const others = neighbours.map(({ score }) => score)
  return {
    figures: {
      nabStandard: own.score,
      nabBaseline: gaussian.score,
      nabForecast: forecast.score,
      nabForecastFalseAlarms: forecast.falseAlarms,
      nabForecastWindowsFound: found(forecast),
      nabNeighbourMin: Math.min(...others),
      nabNeighbourMedian: median(others),
      nabFalseAlarms: own.falseAlarms,
      nabWindowsFound: found(own),
      nabWindows: own.windows.length,
      nabBaselineFalseAlarms: gaussian.falseAlarms,
      nabBaselineWindowsFound: found(gaussian),
    },
    lines: [
      ...told('stream', own),
      ...told('stream with a forecast learned from the other series', forecast),
      ...told('windowed Gaussian', gaussian),
      'one setting of the stream halved or doubled:',
      ...neighbours.map(({ what, score }) => `  ${what}: ${score.toFixed(1)}`),
    ],
  }
}

/** How much hangs on each setting: a figure that only one set of them reaches would be luck. */
function neighboursOf(corpus: readonly Series[]) {
  const names = Object.keys(defaultStreamSettings) as (keyof StreamSettings)[]
  return names.flatMap((name) =>
    [0.5, 2].map((factor) => {
      const settings = {
        ...defaultStreamSettings,
        [name]: defaultStreamSettings[name] * factor,
      }
      const detected = corpus.map((series) => ({
        ...series,
        scores: streamScores(series, settings),
      }))
      return { what: `${name} × ${factor}`, score: scoreNab(detected).score }
    }),
  )
}

function streamScores({ times, values }: Series, settings = defaultStreamSettings): number[] {
  let state: StreamState | null = null
  return values.map((value, place) => {
    const observed = observe(state, value, times[place] as number, settings)
    state = observed.state
    return observed.score
  })
}

function foretoldCorpus(corpus: readonly Series[]) {
  const sums = corpus.map(({ times, values }) => {
    const readings = times.map((at, place) => ({ at, value: values[place] as number }))
    const sum = new ForecastSums()
    for (const { window, unusual } of windowsOf(readings)) sum.add(window, unusual)
    return sum
  })
  return corpus.map((series, place) => {
    const others = sums.toSpliced(place, 1).reduce((one, other) => one.with(other))
    return { ...series, scores: foretoldScores(series, others.solve()) }
  })
}

function foretoldScores({ times, values }: Series, model: ForecastModel): number[] {
  let state: StreamState | null = null
  return values.map((value, place) => {
    const sight = see(state, value, times[place] as number)
    if (sight === null) return 0
    const window = windowOf(sight)
    const learned = learnFrom(sight, { foretold: window && foretell(model, window) })
    state = learned.state
    return learned.score
  })
}

function found({ windows }: NabResult): number {
  return windows.filter(({ delayMs }) => delayMs !== null).length
}

function told(detector: string, result: NabResult): string[] {
  const header = `${detector}: ${result.score.toFixed(1)} of 100, ${found(result)} of ${result.windows.length} windows, ${result.falseAlarms} records of false alarm`
  const lines = result.windows.map(({ series, startsAt, endsAt, delayMs }) => {
    const lasts = ((endsAt - startsAt) / hourMs).toFixed(1)
    const when =
      delayMs === null ? 'missed' : `first alarm after ${(delayMs / hourMs).toFixed(1)} h`
    return `  ${series} ${new Date(startsAt).toISOString().slice(0, 16)}, ${lasts} h: ${when}`
  })
  return [header, ...lines]
}

if (import.meta.main) {
  const measured = nabFigures()
  for (const line of measured?.lines ?? ['the data is not here']) process.stdout.write(`${line}\n`)
  if (measured) process.stdout.write(`${JSON.stringify(measured.figures, null, 2)}\n`)
}
