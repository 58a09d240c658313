import { expect, test } from 'vitest'
import { seriesPicture } from '#examples/series-picture.ts'
import { gaussianScores, staticScores } from '#examples/vitals-and-machines/baselines.ts'
import { judgeWard, limitAlarms } from '#examples/vitals-and-machines/judge-ward.ts'
import { judgeMachines } from '#examples/vitals-and-machines/machines.ts'
import { policy } from '#examples/vitals-and-machines/policy.ts'
import { simulateWard } from '#examples/vitals-and-machines/ward.ts'
import { rowOfReading, trainWardModel } from '#examples/vitals-and-machines/ward-model.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { scoreRow } from '#shared/tabular/model.ts'

const hourMs = 3_600_000

test('its policy is one', () => {
  expect(parsePolicy(policy)).toMatchObject({ ok: true })
})

test('the same seed makes the same ward', () => {
  const settings = { seed: 5, name: 'bed', beds: 3, minutes: 200 }
  expect(simulateWard(settings)).toEqual(simulateWard(settings))
})

test('the model tells an illness from a sensor that reads nonsense, where limits do not', () => {
  const ward = (seed: number, beds: number) =>
    simulateWard({ seed, name: 'bed', beds, minutes: 240 })
  const { trees } = trainWardModel(ward(1, 20), ward(2, 10))
  const watched = ward(3, 12)
  const ours = judgeWard(watched, ({ readings }) =>
    readings
      .filter((reading) => scoreRow(trees, rowOfReading(reading)) > 0.9)
      .map((each) => each.minute),
  )
  const limits = judgeWard(watched, limitAlarms)
  expect(ours.episodes).toBeGreaterThan(3)
  expect(ours.found).toBe(ours.episodes)
  expect(ours.falseAlarms).toBeLessThan(limits.falseAlarms / 2)
})

test('an alarm counts where its bed was ill, and a first one has its delay', () => {
  const bed = { name: 'bed-1', episode: { from: 10, to: 20 }, readings: [] }
  const quiet = { name: 'bed-2', episode: null, readings: [] }
  const figures = judgeWard([bed, quiet], ({ episode }) => (episode ? [3, 14, 16] : [40]))
  expect(figures).toMatchObject({ episodes: 1, found: 1, falseAlarms: 2, delayMinutes: 4 })
})

/** Noise that repeats, with a spike at one reading. */
function series(spikeAt: number) {
  const times = Array.from({ length: 1_000 }, (_, hour) => hour * hourMs)
  const values = times.map((_, at) => Math.sin(at * 1.7) + (at === spikeAt ? 20 : 0))
  const windows = [[(spikeAt - 5) * hourMs, (spikeAt + 5) * hourMs] as const]
  return { name: 'pump', times, values, windows }
}

test('a spike is found by either baseline, and what the POP told is judged as it was told', () => {
  const pump = series(700)
  for (const scores of [gaussianScores(pump), staticScores(pump)]) {
    // The second record is infinitely far from the first alone.
    expect(scores.indexOf(Math.max(...scores.slice(100)))).toBe(700)
  }
  const alarms = pump.values.map((_, at) => at === 699 || at === 800)
  const [ours, gaussian] = judgeMachines([{ ...pump, alarms }])
  expect(ours?.result).toMatchObject({ falseAlarms: 1, windows: [{ delayMs: 4 * hourMs }] })
  expect(gaussian?.result).toMatchObject({ falseAlarms: 0, windows: [{ delayMs: 5 * hourMs }] })
})

test('a picture has each window, and an alarm inside one in another colour than one outside', () => {
  const pump = series(700)
  const alarms = pump.values.map((_, at) => at === 699 || at === 800)
  const svg = seriesPicture({ ...pump, alarms, title: 'pump <1>' })
  expect(svg.match(/<rect/g)).toHaveLength(2)
  expect(svg.match(/fill="#1a7f37"/g)).toHaveLength(1)
  expect(svg.match(/fill="#c1121f"/g)).toHaveLength(1)
  expect(svg).toContain('pump &lt;1>')
})
