import { seededRandom } from '#hub/synthetic/random.ts'
import { isWithinRails, type LastFare, randomFare, randomState } from '#test/support/fares.ts'
import { deciding } from '#test/support/placement.ts'

const statesTotal = 1_000_000
const statesPerPolicy = 500

/** Prices asked for one after the other under random policies, by random bases, scores and times. */
export function guardRailFigures(): Record<string, number> {
  const random = seededRandom(1)
  let breaks = 0
  for (let policy = 0; policy < statesTotal / statesPerPolicy; policy++) {
    const fare = randomFare(random)
    const ask = deciding(fare)
    let at = Date.UTC(2026, 0, 5, 12)
    let last: LastFare | null = null
    for (let number = 0; number < statesPerPolicy; number++) {
      const { event, score, afterMs } = randomState(random)
      at += afterMs
      const { answer } = ask({ at, event, score })
      if (answer.price === null) continue
      const price = answer.price as number
      if (!isWithinRails(price, at, last, fare)) breaks++
      if (!answer.held) last = { price, at }
    }
  }
  return { guardRailStates: statesTotal, guardRailBreaks: breaks }
}
