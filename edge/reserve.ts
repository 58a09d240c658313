import type { WantingInput } from '#shared/kinds/kind.ts'
import type { Reservation } from '#shared/offers/reservation.ts'
import type { CompiledPlacement } from '#shared/policy/compile.ts'
import type { Environment } from './environment.ts'
import { log, reasonOf } from './log.ts'
import { refused } from './offers/core.ts'
import type { VisitorName } from './visitors/erase.ts'

/**
 * Reserves what a placement would give that has a budget; undefined where it wants nothing of the kind, which most
 * never do. It is the visitor's from now on, whether or not the decision is committed: asked again it gets the same.
 */
export async function reserve(
  { wants }: CompiledPlacement,
  input: WantingInput,
  { site, visitor }: VisitorName,
  environment: Environment,
): Promise<readonly Reservation[] | undefined> {
  const wanted = wants?.(input) ?? []
  if (wanted.length === 0) return undefined
  const reservations = (await environment
    .offersOf(site)
    .reserve({ site, visitor }, wanted)
    .catch((cause: unknown) => {
      // A decision goes on without: nobody waits for an object that fails.
      log('error', 'nothing could be reserved', { reason: reasonOf(cause) })
      return wanted.map(({ offer }) => refused(offer, 'budget_unknown'))
    })) as Reservation[]
  for (const { outcome } of reservations) {
    environment.counters.add('shelfedge_offer_reservations_total', 1, ['outcome', outcome])
  }
  return reservations
}
