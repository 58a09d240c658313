import { type Emission, type EventBody, eventsOf, isoTime, type Truth } from './emission.ts'
import { at } from './random.ts'
import type { Behaviour } from './settings.ts'

/** When to send: `delayMs` after the start, and the emission as if it had happened then. */
export interface PacedEmission {
  readonly delayMs: number
  readonly emission: Emission
}

// Reaches back past the longest wait for a duplicate at any pace a demonstration has (7 minutes at 150 a second).
const knotsMax = 65_536

// Measured with the usual behaviour, its crawlers and late devices included; a test holds it to within a tenth.
const eventsPerVisitorMean = 17.3

// At a constant rate there is no night. Who comes back within half an hour is still in the same session. Orders
// come back after minutes, because nobody watches a demonstration for days.
const demoBehaviour: Partial<Behaviour> = {
  dayWaveDepth: 0,
  returnAfterHoursMin: 0.75,
  refundAfterDaysMedian: 0.002,
}

/**
 * Plays a simulation at so many events a second from the first second on, with timestamps of the present: an
 * event's time is the moment it is sent, or shortly before when it was gathered in a batch. Wrong clocks stay as
 * wrong and late devices as late as they were, in real minutes and days.
 */
export function* paced(
  emissions: Iterable<Emission>,
  { eventsPerSecond, startAtMs }: { eventsPerSecond: number; startAtMs: number },
): Generator<PacedEmission> {
  if (!(eventsPerSecond > 0)) throw new RangeError('eventsPerSecond must be above 0')
  const present = presentTime()
  let events = 0
  for (const emission of emissions) {
    const delayMs = Math.round((events * 1000) / eventsPerSecond)
    present.pass(emission.sendAtMs, startAtMs + delayMs)
    events += eventsOf(emission).length
    yield { delayMs, emission: restamped(emission, present.of, startAtMs + delayMs) }
  }
}

/** The arguments of a simulation that runs at about the pace of the wall clock: a visit takes a minute or less. */
export function demoTraffic(eventsPerSecond: number) {
  return {
    visitorsPerHour: (eventsPerSecond * 3600) / eventsPerVisitorMean,
    timeScale: 0.1,
    behaviour: demoBehaviour,
  }
}

/**
 * The wall-clock time of a simulated one: straight between two sendings, so that order is kept and an event that
 * is sent twice has the same time twice.
 */
function presentTime() {
  const simulated: number[] = []
  const wall: number[] = []
  return {
    pass: (simulatedMs: number, wallMs: number) => {
      simulated.push(simulatedMs)
      wall.push(wallMs)
      if (simulated.length < 2 * knotsMax) return
      // Halving at twice the bound costs one move a knot; dropping one by one would move all of them each time.
      simulated.splice(0, knotsMax)
      wall.splice(0, knotsMax)
    },
    of: (simulatedMs: number) => {
      const after = firstNotBefore(simulated, simulatedMs)
      if (after === 0 || at(simulated, after) === simulatedMs) return at(wall, after)
      const [from, to] = [at(simulated, after - 1), at(simulated, after)]
      const share = (simulatedMs - from) / (to - from)
      return Math.round(at(wall, after - 1) + share * (at(wall, after) - at(wall, after - 1)))
    },
  }
}

function firstNotBefore(times: readonly number[], value: number): number {
  let low = 0
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (at(times, middle) >= value) high = middle
    else low = middle + 1
  }
  return low
}

function restamped(
  emission: Emission,
  present: (atMs: number) => number,
  sendAtMs: number,
): Emission {
  const timeOf = eventTime(emission, present)
  const restamp = (event: EventBody) => ({
    ...event,
    timestamp: isoTime(timeOf(Date.parse(event.timestamp))),
  })
  const sentAt = isoTime(sendAtMs + emission.truth.skewMs)
  const truth = restampedTruth(emission.truth, present)
  if (emission.kind === 'batch') {
    const batch = emission.body.batch.map(restamp)
    return { kind: 'batch', sendAtMs, body: { ...emission.body, batch, sentAt }, truth }
  }
  const events = emission.body.events.map(restamp)
  return { kind: 'decide', sendAtMs, body: { ...emission.body, events, sentAt }, truth }
}

/** A late event keeps its distance to its first sending; any other moves with the clock, skew and all. */
function eventTime({ truth, sendAtMs }: Emission, present: (atMs: number) => number) {
  const firstSentAtMs = truth.duplicateOf?.sendAtMs ?? sendAtMs
  const lateShiftMs = present(firstSentAtMs) - firstSentAtMs
  return (timestampMs: number) =>
    truth.late ? timestampMs + lateShiftMs : present(timestampMs - truth.skewMs) + truth.skewMs
}

/** To within what else was sent in the same simulated millisecond; the sequence is the exact reference. */
function restampedTruth(truth: Truth, present: (atMs: number) => number): Truth {
  if (!truth.duplicateOf) return truth
  const sendAtMs = present(truth.duplicateOf.sendAtMs)
  return { ...truth, duplicateOf: { ...truth.duplicateOf, sendAtMs } }
}
