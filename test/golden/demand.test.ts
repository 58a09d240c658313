import { describe, expect, it } from 'vitest'
import { buildDemandModel } from '#models/demand-price/graph.ts'
import { trainDemand } from '#models/demand-price/train.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import { ownScorer } from '#shared/tabular/own-scorer.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'
import { baseMs } from '#test/support/events.ts'
import golden from './demand.json' with { type: 'json' }

// The same prices in Node, where they are learned from, and in workerd, where they are asked.

const features = golden.features as Feature[]
const moment = { hour: 0, minute: 0, weekday: 1 }
const knownOf = (event: object) => ({
  ...{ session: null, totals: totalsAt(null, baseMs), context: {}, time: moment },
  event: event as Record<string, unknown>,
})
const rowOf = (event: object) => encodeFeatures(features, readFeatures(features, knownOf(event)))

const { told } = golden
const rows = told.map(({ event }) => rowOf(event))
const learned = trainDemand(
  {
    columns: rows[0]?.length ?? 0,
    rows: Float32Array.from(rows.flatMap((row) => [...row])),
    labels: Uint8Array.from(told, ({ bought }) => bought),
  },
  told.map(({ price }) => price),
  golden.grid,
)

describe('a model of demand', () => {
  it('is learned the same from the same prices', () => {
    for (const name of ['weights', 'bias', 'priceWeights', 'priceBias'] as const) {
      for (const [at, weight] of golden.model[name].entries()) {
        expect(learned[name][at]).toBeCloseTo(weight, 4)
      }
    }
  })

  it.each(golden.asked)('asks the same of $event, what is missing imputed', ({ event, price }) => {
    expect(ownScorer(buildDemandModel(learned))(rowOf(event))).toBeCloseTo(price, 5)
  })
})
