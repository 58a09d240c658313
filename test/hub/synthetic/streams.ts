import { createHash } from 'node:crypto'
import { type Emission, eventsOf } from '#hub/synthetic/emission.ts'
import { makeShop } from '#hub/synthetic/shop.ts'
import { type Simulation, simulate } from '#hub/synthetic/shoppers.ts'

/** A Monday in January, midnight UTC. */
export const startAtMs = Date.UTC(2026, 0, 5)

export const dayMs = 86_400_000

export const shop = makeShop({ seed: 1 })

export function firstEmissions(total: number, change: Partial<Simulation> = {}): Emission[] {
  const stream = simulate({ shop, seed: 7, startAtMs, visitorsPerHour: 600, ...change })
  return Array.from({ length: total }, () => stream.next().value)
}

/** Neither late nor a repeat. */
export const inTime = ({ truth }: Emission) => !truth.late && !truth.duplicateOf

export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

export function groupBy<T>(list: readonly T[], keyOf: (value: T) => string | number) {
  const groups = new Map<string | number, T[]>()
  for (const value of list) {
    const group = groups.get(keyOf(value))
    if (group) group.push(value)
    else groups.set(keyOf(value), [value])
  }
  return [...groups.values()]
}

/** Items viewed by shoppers, one list a visit, in order; without repeats, crawlers and late deliveries. */
export function viewsByVisit(emissions: readonly Emission[]): string[][] {
  const views = emissions.filter(
    ({ kind, truth }) => kind === 'decide' && !truth.bot && !truth.duplicateOf,
  )
  return groupBy(views, ({ truth }) => truth.visit).map((visit) => visit.map(viewedItem))
}

function viewedItem(emission: Emission): string {
  return String(eventsOf(emission)[0]?.properties?.product_id)
}

/** Further from the mean than this happens by chance once in some 15,000 draws (four standard deviations). */
export function binomialMargin(draws: number, share: number): number {
  return 4 * Math.sqrt((share * (1 - share)) / draws)
}
