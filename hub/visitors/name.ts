import { readVisitorKey } from '#shared/id.ts'
import { RequestRefused } from '#shared/request-refused.ts'

/** A visitor of a site, by key. */
export interface VisitorName {
  readonly site: string
  readonly visitor: string
}

/**
 * The visitor an operator means. The site has to be named where there are several: what is erased by
 * mistake does not come back.
 */
export function readVisitorName(
  key: string,
  site: string | undefined,
  siteIds: readonly string[],
): VisitorName {
  const visitor = readVisitorKey(key)
  if (visitor === null) {
    const how = 'write a:<anonymousId> or u:<userId>, URL-encoded, as in /v1/visitors/a:me'
    throw new RequestRefused(400, 'invalid_visitor', how)
  }
  if (site === undefined && siteIds.length > 1) {
    throw new RequestRefused(400, 'missing_site', `add ?site= with one of ${siteIds.join(', ')}`)
  }
  const named = site ?? siteIds[0] ?? ''
  if (siteIds.includes(named)) return { site: named, visitor }
  throw new RequestRefused(404, 'unknown_site', `the sites here are ${siteIds.join(', ')}`)
}
