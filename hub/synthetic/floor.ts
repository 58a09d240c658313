import type { Order } from './basket.ts'
import type { VisitTruth } from './delivery.ts'
import type { Emission } from './emission.ts'
import type { DueQueue } from './queue.ts'
import type { Visitor, VisitorPool } from './visitors.ts'
import type { World } from './walk.ts'

/** Everything a running simulation holds. */
export interface Floor {
  readonly world: World
  readonly pool: VisitorPool
  /** Planned, not yet sent. */
  readonly outbox: DueQueue<Emission>
  /** Orders that will come back. */
  readonly refunds: DueQueue<{ readonly visitor: Visitor; readonly order: Order }>
  readonly gapMsMean: number
  arrivalAtMs: number
  visits: number
  sent: number
}

export function plan(floor: Floor, visitor: Visitor, emissions: readonly Emission[]): void {
  for (const emission of emissions) {
    floor.outbox.put(emission.sendAtMs, emission)
    visitor.busyUntilMs = Math.max(visitor.busyUntilMs, emission.sendAtMs)
  }
}

export function nextVisit(floor: Floor): VisitTruth {
  return { visit: floor.visits++, bot: false, late: false }
}
