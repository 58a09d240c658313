import * as v from 'valibot'
import type { ShelfEvent } from '../event.ts'
import { numberIn } from '../tabular/read-features.ts'
import { type Judged, learnFrom, recentMax, type StreamState, see, streamSlots } from './anomaly.ts'
import { windowOf } from './forecast.ts'

const finite = v.pipe(v.number(), v.finite())
const slots = v.pipe(v.array(finite), v.length(streamSlots))

const foretold = v.object({
  recent: v.pipe(v.array(finite), v.maxLength(recentMax)),
  record: finite,
})

const streamStateSchema: v.GenericSchema<unknown, StreamState> = v.object({
  ...{ firstAt: finite, lastAt: finite, observations: finite, level: finite, deviation: finite },
  ...{ expected: slots, visits: slots, smoothed: finite, records: v.tuple([finite, finite]) },
  ...{ toldAt: v.nullable(finite), told: finite },
  foretold: v.exactOptional(foretold),
})
const rememberedSchema = v.object({ stream: v.nullable(streamStateSchema), kind: v.unknown() })

/** What a placement keeps where its model is of a stream: that, beside what its kind remembers. */
export interface Remembered {
  readonly stream: StreamState | null
  readonly kind: unknown
}

/** What was kept; where that is of another policy, nothing. */
export function readRemembered(kept: unknown): Remembered {
  const parsed = v.safeParse(rememberedSchema, kept)
  return parsed.success
    ? { stream: parsed.output.stream, kind: parsed.output.kind }
    : { stream: null, kind: null }
}

/** What a model foretells of the next observation, in deviations; null where it failed. */
export type Forecast = (window: Float32Array) => Promise<number | null>

export interface Streamed {
  readonly stream: StreamState | null
  /** The highest of the new readings; null where there is none. */
  readonly score: number | null
  /** The newest reading. */
  readonly value: number | null
  /** What the highest score was made from, where a model was asked; else null. */
  readonly forecast: KeptForecast | null
}

/** Kept with a decision: with the window the model foretells the same again, and the score follows. */
export interface KeptForecast extends Judged {
  readonly window: readonly number[]
}

/**
 * Takes the readings of a question, a property of its events, into a stream in their order. One that is not newer
 * than the last has been taken, or comes too late: a request that is sent again changes nothing. Where the stream has
 * a model it is asked of each; the statistics alone go on where it has failed.
 */
export async function observeEvents(
  before: StreamState | null,
  property: string,
  events: readonly Pick<ShelfEvent, 'timestamp' | 'properties'>[],
  foretell: Forecast | null = null,
): Promise<Streamed> {
  let seen: Streamed = { stream: before, score: null, value: null, forecast: null }
  for (const { timestamp, properties } of events.toSorted(
    (one, other) => one.timestamp - other.timestamp,
  )) {
    const value = Object.hasOwn(properties, property) ? numberIn(properties[property]) : Number.NaN
    const isTaken = seen.stream !== null && timestamp <= seen.stream.lastAt
    const sight = isTaken ? null : see(seen.stream, value, timestamp)
    if (sight === null) continue
    const window = foretell && windowOf(sight)
    const foretold = window && foretell ? await foretell(window) : null
    const { state, score, judged } = learnFrom(sight, foretell && { foretold })
    const isHighest = seen.score === null || score >= seen.score
    const forecast = window && foretold !== null ? { ...judged, window: [...window] } : null
    seen = {
      stream: state,
      value,
      ...(isHighest ? { score, forecast } : { score: seen.score, forecast: seen.forecast }),
    }
  }
  return seen
}
