import * as ort from 'onnxruntime-web/wasm'
import { median } from 'simple-statistics'
import { openModel } from '#hub/open-model.ts'
import { windowsOf } from '#hub/training/learned/train-stream.ts'
import { buildForecastModel } from '#models/anomaly/graph.ts'
import { ForecastSums } from '#models/anomaly/train.ts'
import { learnFrom, type Sight, type StreamState, see } from '#shared/stream/anomaly.ts'
import { type ForecastModel, foretell, windowColumns, windowOf } from '#shared/stream/forecast.ts'
import { type Pump, pumpOf } from '#test/support/pumps.ts'

// What a forecast sees that statistics cannot: a machine that stands still at a level it passes in every cycle.

const runsMeasured = 2_000
const learnedFrom = 20
const judged = 50
const perDay = 288
const learnedDays = 9
/** The first days of a stream break records by themselves. */
const judgedFrom = 3 * perDay

/** Learns from the sound days of some pumps, and watches others, with and without what was learned. */
export async function pumpFigures() {
  const sums = new ForecastSums()
  for (let pump = 0; pump < learnedFrom; pump++) {
    const sound = pumpOf(pump).readings.slice(0, learnedDays * perDay)
    for (const { window, unusual } of windowsOf(sound)) sums.add(window, unusual)
  }
  const model = sums.solve()
  const pumps = Array.from({ length: judged }, (_, pump) => pumpOf(learnedFrom + pump))
  const [statistics, forecast] = [null, model].map((by) => watched(pumps, by)) as [Watched, Watched]
  const forecastP50Ms = await runP50Ms(model)
  const told = (what: string, { found, falseAlarms }: Watched) =>
    `${what}: ${found} of ${judged} pumps that stood still, ${falseAlarms} other alarms`
  return {
    figures: {
      ...{ pumps: judged, forecastP50Ms },
      ...{ pumpsFoundByStatistics: statistics.found, pumpsFoundByForecast: forecast.found },
      pumpsOtherAlarmsByStatistics: statistics.falseAlarms,
      pumpsOtherAlarmsByForecast: forecast.falseAlarms,
    },
    lines: [
      told('stream', statistics),
      told('stream with a forecast', forecast),
      `one forecast in WebAssembly: ${(forecastP50Ms * 1_000).toFixed(0)} µs at the median`,
    ],
  }
}

/** In the runtime of the POPs, after as many runs that are not counted. */
async function runP50Ms(model: ForecastModel): Promise<number> {
  ort.env.wasm.numThreads = 1
  const session = await openModel(buildForecastModel(model))
  const times: number[] = []
  for (let run = 0; run < 2 * runsMeasured; run++) {
    const window = new Float32Array(windowColumns).fill((run % 7) - 3)
    const startedAt = performance.now()
    await session.run({ window: new ort.Tensor('float32', window, [1, windowColumns]) })
    times.push(performance.now() - startedAt)
  }
  await session.release()
  return median(times.slice(runsMeasured))
}

interface Watched {
  readonly found: number
  readonly falseAlarms: number
}

function watched(pumps: readonly Pump[], model: ForecastModel | null): Watched {
  let [found, falseAlarms] = [0, 0]
  for (const { readings, stuck } of pumps) {
    const alarms = alarmsOf(readings, model)
    const isStuck = (place: number) => place >= stuck[0] && place <= stuck[1]
    if (alarms.some(isStuck)) found++
    falseAlarms += alarms.filter((place) => place >= judgedFrom && !isStuck(place)).length
  }
  return { found, falseAlarms }
}

/** Places of the readings that are news. */
function alarmsOf(readings: Pump['readings'], model: ForecastModel | null): number[] {
  let state: StreamState | null = null
  return readings.flatMap(({ at, value }, place) => {
    const sight: Sight | null = see(state, value, at)
    if (sight === null) return []
    const window = windowOf(sight)
    const foretold = model && window && foretell(model, window)
    const { state: after, score } = learnFrom(sight, model && { foretold })
    state = after
    return score > 0 ? [place] : []
  })
}
