import * as v from 'valibot'
import type { ShelfEvent } from '../event.ts'
import { numberIn } from '../tabular/read-features.ts'
import { observe, type StreamState, streamSlots } from './anomaly.ts'

const finite = v.pipe(v.number(), v.finite())
const slots = v.pipe(v.array(finite), v.length(streamSlots))

const streamStateSchema: v.GenericSchema<unknown, StreamState> = v.object({
  ...{ firstAt: finite, lastAt: finite, observations: finite, level: finite, deviation: finite },
  ...{ expected: slots, visits: slots, smoothed: finite, records: v.tuple([finite, finite]) },
  ...{ toldAt: v.nullable(finite), told: finite },
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

export interface Streamed {
  readonly stream: StreamState | null
  /** The highest of the new readings; null where there is none. */
  readonly score: number | null
  /** The newest reading. */
  readonly value: number | null
}

/**
 * Takes the readings of a question, a property of its events, into a stream in their order. One that is not newer
 * than the last has been taken, or comes too late: a request that is sent again changes nothing.
 */
export function observeEvents(
  before: StreamState | null,
  property: string,
  events: readonly Pick<ShelfEvent, 'timestamp' | 'properties'>[],
): Streamed {
  let [stream, score, value]: [StreamState | null, number | null, number | null] = [
    before,
    null,
    null,
  ]
  for (const { timestamp, properties } of events.toSorted(
    (one, other) => one.timestamp - other.timestamp,
  )) {
    const reading = Object.hasOwn(properties, property)
      ? numberIn(properties[property])
      : Number.NaN
    if (!Number.isFinite(reading) || (stream !== null && timestamp <= stream.lastAt)) continue
    const observed = observe(stream, reading, timestamp)
    stream = observed.state
    score = Math.max(score ?? 0, observed.score)
    value = reading
  }
  return { stream, score, value }
}
