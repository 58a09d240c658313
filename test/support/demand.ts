import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import type { Policy } from '#shared/policy.ts'

/** Shares of the fare that are shown by chance, by their variants. */
const shares = { low: 0.6, middle: 1, high: 1.6, top: 2.2 } as const

/** A price that is learned from what four travellers of ten are shown by chance. */
export const demandPolicy = `
experiments: { prices: { variants: { none: 60, low: 10, middle: 10, high: 10, top: 10 } } }
models:
  demand:
    learns: demand
    placement: fare
    byChance: { experiment: prices, variants: [low, middle, high, top] }
    bought: { event: Booking Completed, subject: flight }
    withinMs: 3600000
    prices: { from: 0.5, to: 2.5, step: 0.1 }
    features: [{ name: business, from: event.business, type: number, imputed: 0 }]
placements:
  fare:
    kind: price
    model: demand
    on: [Fare Searched]
    onAgeMsMax: 864000000
    event: { fare: double, flight: string }
    subject: event.flight
    base: event.fare
    floor: 10
    ceiling: 900
    step: 1
    heldMs: 600000
    rules:
      - { name: demand, effect: factor, by: score, when: variant.prices == "none" }
${Object.entries(shares)
  .map(
    ([name, by]) =>
      `      - { name: ${name}, effect: factor, by: "${by}", when: variant.prices == "${name}" }`,
  )
  .join('\n')}
`

export function readDemandPolicy(): Policy {
  const parsed = parsePolicy(demandPolicy)
  if (parsed.ok) return parsed.policy
  throw new Error(parsed.mistakes[0]?.sentence)
}

/**
 * Travellers who are shown a price by chance, and the share of the fare up to which each buys: on business some 2.4, all
 * others some 1.1. The same seed makes the same.
 */
export function travellers(total: number, seed = 1) {
  const random = seededRandom(seed)
  return Array.from({ length: total }, (_, at) => {
    const [business, variant] = [random.chance(0.4), random.pick(Object.keys(shares))]
    const share = shares[variant as keyof typeof shares]
    const worth = random.logNormal(business ? 2.4 : 1.1, 0.3)
    return { at, business, variant, share, worth, buys: share <= worth }
  })
}
