import { type NabResult, scoreNab } from '#hub/evaluation/nab.ts'
import { defaultStreamSettings } from '#shared/stream/anomaly.ts'
import type { Client } from '../client.ts'
import { gaussianScores, staticScores } from './baselines.ts'
import type { Series } from './read-series.ts'

/** What a device gathers before it posts; as many decisions as one request may set off. */
const readingsPerBatch = 50
const weekMs = 7 * 86_400_000

interface Alert {
  readonly severity: string | null
  readonly notify: boolean
}

/** A series with whether each reading told somebody. */
export interface Watched extends Series {
  readonly alarms: readonly boolean[]
}

/**
 * Every device posts its readings in their order, all devices at once; the POP decides on each. Their times are moved by
 * whole weeks, so that the last is of these days and an hour stays that hour of its weekday.
 */
export async function watchMachines(
  corpus: readonly Series[],
  now: number,
  client: Client,
): Promise<Watched[]> {
  return Promise.all(
    corpus.map(async (series) => {
      const alarms = new Array<boolean>(series.values.length).fill(false)
      const last = series.times.at(-1) ?? now
      const moved = Math.floor((now - last) / weekMs) * weekMs
      for (let from = 0; from < alarms.length; from += readingsPerBatch) {
        const readings = series.values.slice(from, from + readingsPerBatch)
        const batch = readings.map((value, at) => ({
          ...{ type: 'track', event: 'Reading', messageId: String(from + at) },
          anonymousId: series.name,
          timestamp: new Date((series.times[from + at] as number) + moved).toISOString(),
          properties: { value },
        }))
        const { decisions = [], rejected } = await client.send(batch)
        if (rejected[0]) throw new Error(`the POP refused a reading: ${rejected[0].detail}`)
        for (const { messageId, answer } of decisions) {
          alarms[Number(messageId)] = (answer as unknown as Alert).notify
        }
      }
      return { ...series, alarms }
    }),
  )
}

/** What a detector found, over all series by one threshold. */
export interface Found {
  readonly detector: string
  readonly result: NabResult
}

/** The alarms of the POP beside baselines that may choose their threshold knowing the windows. */
export function judgeMachines(watched: readonly Watched[]): Found[] {
  const scored = (scores: (series: Watched) => readonly number[]) =>
    scoreNab(watched.map((series) => ({ ...series, scores: scores(series) })))
  const ours = scored(({ alarms }) => alarms.map(Number))
  return [
    { detector: 'alerts of the POP', result: ours },
    { detector: 'windowed Gaussian', result: scored(gaussianScores) },
    { detector: 'static limits', result: scored(staticScores) },
    {
      detector: 'Gaussian, as often wrong',
      result: asOftenWrong(watched, gaussianScores, ours.falseAlarms),
    },
  ]
}

/** A baseline that is as quiet after an alarm as the stream is, at the lowest threshold with so many false alarms. */
function asOftenWrong(
  watched: readonly Watched[],
  scoresOf: (series: Series) => readonly number[],
  falseAlarmsMax: number,
): NabResult {
  const scored = watched.map((series) => ({ series, scores: scoresOf(series) }))
  const at = (threshold: number) =>
    scoreNab(
      scored.map(({ series, scores }) => ({
        ...series,
        scores: quieted(series, scores, threshold),
      })),
      1,
    )
  let [low, high] = [0, 1_000]
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (at(middle).falseAlarms > falseAlarmsMax) low = middle
    else high = middle
  }
  return at(high)
}

/** 1 where it is told: past the threshold, and not within the silence after the last time. */
function quieted({ times }: Series, scores: readonly number[], threshold: number): number[] {
  let toldAt = Number.NEGATIVE_INFINITY
  return scores.map((score, place) => {
    const now = times[place] as number
    if (score < threshold || now - toldAt < defaultStreamSettings.toldMs) return 0
    toldAt = now
    return 1
  })
}
