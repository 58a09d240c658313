import type { ShelfEvent } from '#shared/event.ts'
import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import { objectOf } from './visitor-request.ts'

/**
 * Writes down with each user which devices its events name, and with these the user, before the events are
 * committed: one that is sent again because something failed in between names them again. Resolves when that is
 * durable.
 */
export async function link(
  { visitors, receivedAt }: Cleaned,
  { id: site }: Site,
  environment: Environment,
): Promise<void> {
  const { links } = environment
  const devices = new Map<string, Set<string>>()
  for (const events of visitors.values()) {
    for (const event of events) {
      for (const device of devicesIn(event)) {
        const user = `u:${event.userId}`
        if (device === user || links.isKnown(site, user, device, receivedAt)) continue
        devices.set(user, (devices.get(user) ?? new Set()).add(device))
      }
    }
  }
  await Promise.all(
    [...devices].map(async ([user, keys]) => {
      // The way back first: whoever erases a device finds by it who names it.
      await Promise.all(
        [...keys].map((key) =>
          objectOf(site, key, environment).link({ site, visitor: key }, 'linked_by', [user]),
        ),
      )
      const owner = objectOf(site, user, environment)
      await owner.link({ site, visitor: user }, 'links', [...keys])
      for (const device of keys) links.add(site, user, device, receivedAt)
    }),
  )
}

/** A device says who uses it; an alias says which id was the same user before, without saying of which kind it is. */
function devicesIn({ type, userId, anonymousId, previousId }: ShelfEvent): string[] {
  if (userId === undefined) return []
  const own = anonymousId === undefined ? [] : [`a:${anonymousId}`]
  const former = type === 'alias' && previousId !== undefined
  return former ? [...own, `a:${previousId}`, `u:${previousId}`] : own
}
