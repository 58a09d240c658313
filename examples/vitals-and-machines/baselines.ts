import { mean, standardDeviation } from 'simple-statistics'
import type { Series } from './read-series.ts'

type Readings = Pick<Series, 'values'>

const windowRecords = 6_400
const stepRecords = 100

/**
 * The benchmark's own baseline: how far into the tail of a normal distribution of the last 6,400 records. Told in
 * deviations: the probability says the same but is 1 to the last bit past the eighth, which would only cost it.
 */
export function gaussianScores({ values }: Readings): number[] {
  let inside: readonly number[] = []
  let [centre, deviation] = [0, 0]
  return values.map((value, place) => {
    const distance = Math.abs(value - centre) / Math.max(deviation, deviationMin)
    const score = inside.length === 0 ? 0 : distance
    const isFilling = place < windowRecords
    if (isFilling || (place - windowRecords + 1) % stepRecords === 0) {
      inside = values.slice(Math.max(0, place + 1 - windowRecords), place + 1)
      centre = inside.reduce((sum, each) => sum + each, 0) / inside.length
      const squares = inside.reduce((sum, each) => sum + (each - centre) ** 2, 0)
      deviation = Math.sqrt(squares / inside.length)
    }
    return score
  })
}

const deviationMin = 1e-6
/** The first weeks, in which nothing is judged yet, are where somebody would look to set a limit. */
const settingShare = 0.15
const settingRecordsMax = 5_000

/** Limits set once for each series: deviations from the mean of its first records. */
export function staticScores({ values }: Readings): number[] {
  const first = values.slice(
    0,
    Math.floor(settingShare * Math.min(values.length, settingRecordsMax)),
  )
  const centre = mean(first as number[])
  const deviation = Math.max(standardDeviation(first as number[]), deviationMin)
  return values.map((value) => Math.abs(value - centre) / deviation)
}
