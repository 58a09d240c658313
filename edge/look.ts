import { asOnePerson, type Seen } from '#shared/person.ts'
import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import { objectOf, visitorRequest } from './visitor-request.ts'
import { type VisitorView, viewFrom } from './visitors/view.ts'

/** The visitor's session and totals as they will be with these events in them. Writes nothing. */
export function look(
  visitor: string,
  cleaned: Cleaned,
  site: Site,
  environment: Environment,
): Promise<VisitorView> {
  const request = visitorRequest(visitor, cleaned, site, [], environment)
  return objectOf(site.id, visitor, environment).look(request) as Promise<VisitorView>
}

/** A view, and the version of what it was made from where that was not its owner's word of now. */
export interface SeenVisitor extends VisitorView {
  readonly seen?: string
}

/** The same from what this isolate knows of the visitor: whoever commits a decision of it says which version it saw. */
export function lookAtKnown(
  visitor: string,
  cleaned: Cleaned,
  site: Site,
  { known }: Environment,
): SeenVisitor | null {
  const kept = known.get(site.id, visitor, cleaned.receivedAt)
  if (kept === null) return null
  const events = cleaned.visitors.get(visitor) ?? []
  const view = viewFrom(kept, events, site.sessionIdleMsMax, cleaned.receivedAt)
  return { ...view, seen: kept.version }
}

/**
 * The same where a user is named: with what that user did under other keys, each asked of its own owner. What
 * placements remember stays that of the visitor who asks.
 */
export async function lookAtPerson(
  visitor: string,
  userId: string | undefined,
  cleaned: Cleaned,
  site: Site,
  environment: Environment,
): Promise<VisitorView> {
  if (userId === undefined) return look(visitor, cleaned, site, environment)
  const user = `u:${userId}`
  // Only the visitor's own events are in the question; what others send meanwhile they see themselves.
  const without = { ...cleaned, visitors: new Map() }
  const [own, ofUser] = await Promise.all([
    look(visitor, cleaned, site, environment),
    visitor === user ? null : look(user, without, site, environment),
  ])
  const { linked } = ofUser ?? own
  const devices = await Promise.all(
    linked
      .filter((key) => key !== visitor && key !== user)
      .map((key) => look(key, without, site, environment)),
  )
  const seen: [Seen, ...Seen[]] = [own, ...(ofUser ? [ofUser] : []), ...devices]
  return { ...own, ...asOnePerson(seen, site.sessionIdleMsMax) }
}
