import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { baseMs } from './events.ts'

const stepMs = 5 * 60_000
const days = 12
const perDay = (24 * 3_600_000) / stepMs
const stuckSteps = 24

/** Readings of a pump that fills and empties, and when it got stuck between full and empty. */
export interface Pump {
  readonly readings: readonly { readonly at: number; readonly value: number }[]
  /** First and last reading that is stuck. */
  readonly stuck: readonly [number, number]
}

/**
 * A pump by its number: a cycle of 40 to 70 minutes, its own level and size, a little noise. On its eleventh day it stands
 * still for two hours at a level that it passes in every cycle: no single reading is unusual, only that it stays.
 */
export function pumpOf(seed: number): Pump {
  const random = xoroshiro128plus(seed)
  const between = (low: number, high: number) => low + (high - low) * uniformFloat64(random)
  const [cycle, level, size] = [between(8, 14), between(10, 500), between(1, 50)]
  const stuckFrom = Math.round(10 * perDay + between(0, perDay))
  const stuckAt = between(-0.3, 0.3)
  const readings = Array.from({ length: days * perDay }, (_, place) => {
    const isStuck = place >= stuckFrom && place < stuckFrom + stuckSteps
    const wave = isStuck ? stuckAt : Math.sin((2 * Math.PI * place) / cycle)
    return {
      at: baseMs + place * stepMs,
      value: level + size * (wave + between(-0.1, 0.1)),
    }
  })
  return { readings, stuck: [stuckFrom, stuckFrom + stuckSteps - 1] }
}
