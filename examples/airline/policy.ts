import { variantsOf } from '#shared/policy/variant.ts'
import { advances, routeNames } from './world.ts'

/** Shares of the published fare that are tried on travellers by chance, so that demand can be learned. */
const explored = { p70: 0.7, p85: 0.85, p120: 1.2, p150: 1.5, p190: 1.9, p230: 2.3 } as const

const parts = { none: 60, p70: 6, p85: 7, p120: 7, p150: 7, p190: 7, p230: 6 } as const

/** Whether a traveller is shown a price by chance. */
export function isExploring(visitor: string): boolean {
  const experiments = { exploring: { variants: parts } }
  return variantsOf({ experiments }, `a:${visitor}`).exploring !== 'none'
}

/** What no price may leave, and how long one holds. */
export const rails = { floor: 40, ceiling: 400, step: 1, heldMs: 1_800_000 } as const

const onSearch = `
    on: [Fare Searched]
    onAgeMsMax: ${60 * 86_400_000}
    event: { flight: string, fare: double, days: int, load: double }
    subject: event.flight
    base: event.fare
    floor: ${rails.floor}
    ceiling: ${rails.ceiling}
    step: ${rails.step}
    heldMs: ${rails.heldMs}
    change: { shareMax: 0.2, perMs: 86400000 }`

/** What the price may depend on: nothing of who is asking. */
const features = [
  ...['days', 'load', 'party'].map(
    (name) => `{ name: ${name}, from: event.${name}, type: number, imputed: 0 }`,
  ),
  `{ name: advance, from: event.advance, type: text, categories: ${JSON.stringify(advances)} }`,
  `{ name: route, from: event.route, type: text, categories: ${JSON.stringify(routeNames)} }`,
]

/**
 * \`fare\` is what is asked; \`ladder\` and \`published\` are what would be asked by rules and without any, on the same
 * search. Four travellers of ten are shown a price by chance.
 */
export const policy = `
experiments:
  exploring:
    variants: ${JSON.stringify(parts)}
models:
  demand:
    learns: demand
    placement: fare
    byChance: { experiment: exploring, variants: [${Object.keys(explored).join(', ')}] }
    bought: { event: Booking Completed, subject: flight }
    withinMs: 86400000
    prices: { from: 0.6, to: 2.5, step: 0.05 }
    features:
${features.map((feature) => `      - ${feature}`).join('\n')}
placements:
  fare:
    kind: price
    model: demand${onSearch}
    rules:
      - { name: demand, effect: factor, by: score, when: variant.exploring == "none" }
${Object.entries(explored)
  .map(
    ([name, share]) =>
      `      - { name: ${name}, effect: factor, by: "${share}", when: variant.exploring == "${name}" }`,
  )
  .join('\n')}
  ladder:
    kind: price${onSearch}
    rules:
      - { name: last-days, effect: factor, by: "1.5", when: event.days < 3 }
      - { name: last-week, effect: factor, by: "1.3", when: event.days >= 3 && event.days < 7 }
      - { name: second-week, effect: factor, by: "1.1", when: event.days >= 7 && event.days < 14 }
      - { name: early, effect: factor, by: "0.9", when: event.days > 30 }
      - { name: nearly-full, effect: factor, by: "1.15", when: event.load > 0.85 }
  published:
    kind: price${onSearch}
    rules: []
  add-on:
    kind: offer
    on: [Booking Completed]
    onAgeMsMax: ${60 * 86_400_000}
    event: { days: int, party: int, nights: int }
    offers:
      - { name: bag, when: event.nights > 3, terms: { price: 30 } }
      - { name: lounge, when: event.party == 1 && event.days < 7 && event.nights < 3, terms: { price: 40 } }
      - { name: seat, terms: { price: 12 } }
`
