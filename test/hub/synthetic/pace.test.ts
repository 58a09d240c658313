import { describe, expect, it } from 'vitest'
import { type Emission, eventsOf } from '#hub/synthetic/emission.ts'
import { demoTraffic, type PacedEmission, paced } from '#hub/synthetic/pace.ts'
import { simulate } from '#hub/synthetic/shoppers.ts'
import { firstEmissions, groupBy, inTime, shop, startAtMs } from './streams.ts'

const eventsPerSecond = 40
const nowMs = Date.UTC(2026, 5, 1, 12)
const played = play(30_000)
const emissions = played.map(({ emission }) => emission)
const live = emissions.filter(inTime)

function play(total: number): PacedEmission[] {
  const stream = simulate({ shop, seed: 7, startAtMs, ...demoTraffic(eventsPerSecond) })
  const present = paced(stream, { eventsPerSecond, startAtMs: nowMs })
  return Array.from({ length: total }, () => present.next().value as PacedEmission)
}

/** How long before its sending an event happened, by a true clock. */
function heldMs(emission: Emission): number[] {
  const { sendAtMs, truth } = emission
  return eventsOf(emission).map((event) => sendAtMs - (Date.parse(event.timestamp) - truth.skewMs))
}

describe('paced', () => {
  it('sends at the asked rate from the first second on', () => {
    for (const second of [1, 10, 100, 500]) {
      const due = played.filter(({ delayMs }) => delayMs < second * 1000)
      const events = due.flatMap(({ emission }) => eventsOf(emission)).length
      expect(events).toBeGreaterThanOrEqual(second * eventsPerSecond)
      expect(events).toBeLessThan(second * eventsPerSecond + 100) // the last batch may hold so many
    }
  })

  it('has what is sent now happen now', () => {
    for (const { delayMs, emission } of played) expect(emission.sendAtMs).toBe(nowMs + delayMs)
    const held = live.flatMap(heldMs)
    expect(held.filter((ms) => ms < 0 || ms >= 3000)).toEqual([])
  })

  it('keeps clocks as wrong and devices as late as they are', () => {
    const off = emissions.filter(({ body, sendAtMs, truth }) => {
      return Date.parse(body.sentAt) !== sendAtMs + truth.skewMs
    })
    expect(off).toEqual([])
    const late = emissions.filter(({ truth }) => truth.late && !truth.duplicateOf)
    expect(late.length).toBeGreaterThan(0)
    for (const ms of late.flatMap(heldMs)) expect(ms).toBeGreaterThanOrEqual(86_400_000)
  })

  it('repeats an event with the time it had the first time', () => {
    const repeats = emissions.filter(({ truth }) => truth.duplicateOf)
    expect(repeats.length).toBeGreaterThan(100)
    for (const repeat of repeats) {
      const original = emissions[repeat.truth.duplicateOf?.sequence ?? -1] as Emission
      expect(eventsOf(repeat)).toEqual(eventsOf(original))
    }
  })

  it('keeps a visitor in order', () => {
    for (const sent of groupBy(live, (emission) => String(eventsOf(emission)[0]?.anonymousId))) {
      const times = sent.flatMap((emission) =>
        eventsOf(emission).map(({ timestamp }) => Date.parse(timestamp) - emission.truth.skewMs),
      )
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }
  })

  it('completes most visits of a demonstration within a minute', () => {
    const visits = groupBy(live, ({ truth }) => truth.visit)
    const short = visits.filter(
      (visit) => (visit.at(-1)?.sendAtMs ?? 0) - (visit[0]?.sendAtMs ?? 0) < 60_000,
    )
    expect(short.length / visits.length).toBeGreaterThan(0.85)
  })

  it('plays a demonstration at about the pace of its simulation', () => {
    const total = 30_000
    const simulated = firstEmissions(total, { ...demoTraffic(eventsPerSecond) })
    const seconds = ((simulated.at(-1)?.sendAtMs ?? 0) - startAtMs) / 1000
    const ratio = simulated.flatMap(eventsOf).length / seconds / eventsPerSecond
    expect(Math.abs(ratio - 1)).toBeLessThan(0.1)
  })

  it('is a pure function of what it is given', () => {
    expect(play(300)).toEqual(play(300))
  })

  it('refuses a rate of nothing', () => {
    expect(() => paced([], { eventsPerSecond: 0, startAtMs: nowMs }).next()).toThrow(
      /eventsPerSecond/,
    )
  })
})
