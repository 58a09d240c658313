import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import { objectOf, visitorRequest } from './visitor-request.ts'
import type { VisitorView } from './visitors/core.ts'

/** The visitor's session and totals as they will be with these events in them. Writes nothing. */
export function look(
  visitor: string,
  cleaned: Cleaned,
  site: Site,
  environment: Environment,
): Promise<VisitorView> {
  const request = visitorRequest(visitor, cleaned, site, [])
  return objectOf(site.id, visitor, environment).look(request) as Promise<VisitorView>
}
