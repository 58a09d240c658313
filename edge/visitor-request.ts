import type { ShelfRecord } from '#shared/contract.ts'
import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import type { VisitorRequest } from './visitors/core.ts'
import { objectNameOf } from './visitors/mapping.ts'

/** What one request brings for one of its visitors. */
export function visitorRequest(
  visitor: string,
  cleaned: Cleaned,
  site: Site,
  records: readonly ShelfRecord[],
  { releases }: Environment,
): VisitorRequest {
  return {
    site: site.id,
    visitor,
    receivedAt: cleaned.receivedAt,
    sessionIdleMsMax: site.sessionIdleMsMax,
    events: cleaned.visitors.get(visitor) ?? [],
    records,
    ...(releases.readsProfiles(site.id) && { readsProfile: true }),
  }
}

/** The Durable Object that owns a visitor. */
export function objectOf(site: string, visitor: string, environment: Environment) {
  const name = objectNameOf(site, visitor, environment.config.visitorShards)
  return objectNamed(name, environment)
}

export function objectNamed(name: string, { visitors }: Environment) {
  return visitors.get(visitors.idFromName(name))
}
