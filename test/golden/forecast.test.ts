import { describe, expect, it } from 'vitest'
import { foretell } from '#shared/stream/forecast.ts'
import { observeEvents } from '#shared/stream/remembered.ts'
import { baseMs } from '#test/support/events.ts'
import golden from './forecast.json' with { type: 'json' }

// The same readings in Node and in workerd: what the hub learns from is what a POP asks its model.

const hourMs = 3_600_000
const model = {
  weights: Float32Array.from(golden.weights),
  bias: Float32Array.of(golden.bias),
}
const readings = golden.readings.map((value, hour) => ({
  ...{ timestamp: baseMs + hour * hourMs, properties: { value } },
}))

describe('a stream with a forecast', () => {
  it('becomes the same window and the same scores', async () => {
    const { score, forecast, stream } = await observeEvents(null, 'value', readings, async (each) =>
      foretell(model, each),
    )
    expect(score).toBeCloseTo(golden.score, 5)
    expect(stream?.foretold?.record).toBeCloseTo(golden.record, 5)
    for (const [at, value] of golden.window.entries()) {
      expect(forecast?.window[at]).toBeCloseTo(value, 5)
    }
  })

  it('scores by its statistics alone where nothing is foretold', async () => {
    const { score } = await observeEvents(null, 'value', readings)
    expect(score).toBeCloseTo(golden.scoreByStatistics, 5)
  })
})
