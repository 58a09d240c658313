import * as ort from 'onnxruntime-web/wasm'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { openModel } from '#hub/open-model.ts'
import { StreamLearner } from '#hub/training/learned/train-stream.ts'
import { buildForecastModel } from '#models/anomaly/graph.ts'
import { ForecastSums } from '#models/anomaly/train.ts'
import { farthest, forecastFromModel, foretell, windowColumns } from '#shared/stream/forecast.ts'
import { baseMs } from '#test/support/events.ts'
import { pumpOf } from '#test/support/pumps.ts'

ort.env.wasm.numThreads = 1

const random = xoroshiro128plus(7)
const between = (low: number, high: number) => low + (high - low) * uniformFloat64(random)
const windows = Array.from({ length: 400 }, () =>
  Float32Array.from({ length: windowColumns }, () => between(-4, 4)),
)

describe('a forecast of a stream', () => {
  it('finds what the next observation follows from', () => {
    const sums = new ForecastSums()
    for (const window of windows) {
      sums.add(window, 0.5 * (window[0] as number) - 0.25 * (window[3] as number) + 0.125)
    }
    const { weights, bias } = sums.solve()
    expect(weights[0]).toBeCloseTo(0.5, 2)
    expect(weights[3]).toBeCloseTo(-0.25, 2)
    expect(weights[1]).toBeCloseTo(0, 2)
    expect(bias[0]).toBeCloseTo(0.125, 2)
  })

  it('is the same from sums in parts, and told of by the error that it has', () => {
    const [one, other, all] = [new ForecastSums(), new ForecastSums(), new ForecastSums()]
    const truth = (window: Float32Array) => 0.3 * (window[1] as number)
    for (const [at, window] of windows.entries()) {
      for (const sums of [at < 150 ? one : other, all]) sums.add(window, truth(window))
    }
    const model = all.solve()
    for (const [at, weight] of one.with(other).solve().weights.entries()) {
      expect(weight).toBeCloseTo(model.weights[at] as number, 6)
    }
    const meanOf = (read: (window: Float32Array) => number) =>
      windows.reduce((sum, window) => sum + read(window) ** 2, 0) / windows.length
    const { model: error, usual } = all.errors(model)
    expect(error).toBeCloseTo(meanOf((window) => truth(window) - foretell(model, window)))
    expect(usual).toBeCloseTo(meanOf(truth))
  })

  it('says the same to the bit in ONNX Runtime and in TypeScript, and nothing past its farthest', async () => {
    const model = {
      weights: Float32Array.from({ length: windowColumns }, () => between(-0.3, 0.3)),
      bias: Float32Array.of(0.1),
    }
    const bytes = buildForecastModel(model)
    expect(forecastFromModel(bytes)).toEqual(model)
    const session = await openModel(bytes)
    for (const window of windows) {
      const input = new ort.Tensor('float32', window, [1, windowColumns])
      const { foretold } = await session.run({ window: input })
      expect(foretold?.data[0]).toBe(foretell(model, window))
      expect(Math.abs(foretell(model, window))).toBeLessThanOrEqual(farthest)
    }
    await session.release()
  })

  it('is learned from streams with a rhythm, and not from noise or from too little', async () => {
    const learned = async (values: readonly (readonly { at: number; value: number }[])[]) => {
      const learner = new StreamLearner()
      const page = values.flatMap((readings, stream) =>
        readings.toReversed().map(({ at, value }) => ({
          ...{ visitor: `a:${stream}`, at, value: JSON.stringify(value) },
        })),
      )
      learner.take(page)
      return learner.train()
    }
    const sound = [1, 2].map((pump) => pumpOf(pump).readings.slice(0, 1_500))
    const rhythm = await learned(sound)
    expect(rhythm).toMatchObject({ outcome: 'learned', family: 'forecast' })
    expect(await learned(sound)).toEqual(rhythm)
    const noise = Array.from({ length: 1_500 }, (_, place) => ({
      ...{ at: baseMs + place * 300_000, value: between(0, 1) },
    }))
    expect(await learned([noise])).toMatchObject({ outcome: 'not_better', bytes: null })
    expect(await learned([noise.slice(0, 700)])).toMatchObject({ outcome: 'too_little' })
    expect(await learned([])).toMatchObject({ outcome: 'too_little' })
  })
})
