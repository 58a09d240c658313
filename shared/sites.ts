import * as v from 'valibot'
import { equalInConstantTime, secretDigest } from './constant-time.ts'
import { limits } from './limits.ts'

const siteId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a-z, 0-9 and - only'))

/** The tenants a side serves, as written in its settings: `{ "demo": { "writeKeys": ["demo"] } }`. */
export const sitesSchema = v.pipe(
  v.record(
    siteId,
    v.strictObject({
      writeKeys: v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1)),
      sessionIdleMinutes: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(7 * 24 * 60))),
    }),
  ),
  v.check((sites) => Object.keys(sites).length > 0, 'at least one site is needed'),
  v.check(
    (sites) => Object.keys(sites).length <= limits.sitesMax,
    `at most ${limits.sitesMax} sites`,
  ),
  v.check(
    (sites) => hasDistinctKeys(Object.values(sites).flatMap((site) => site.writeKeys)),
    'a write key belongs to one site',
  ),
)
export type SiteSettings = v.InferOutput<typeof sitesSchema>

export interface Site {
  readonly id: string
  readonly sessionIdleMsMax: number
}

/** The longest pause within a session of a site. */
export function sessionIdleMsMaxOf({ sessionIdleMinutes: minutes }: SiteSettings[string]): number {
  return minutes === undefined ? limits.sessionIdleMsDefault : minutes * 60_000
}

/** Finds the site a write key belongs to. Every key is compared, each in constant time. */
export function siteFinder(settings: SiteSettings): (writeKey: string) => Site | null {
  const known = Object.entries(settings).flatMap(([id, site]) => {
    const sessionIdleMsMax = sessionIdleMsMaxOf(site)
    return site.writeKeys.map((key) => ({
      digest: secretDigest(key),
      site: { id, sessionIdleMsMax },
    }))
  })
  return (writeKey) => {
    const digest = secretDigest(writeKey)
    let found: Site | null = null
    for (const candidate of known) {
      if (equalInConstantTime(candidate.digest, digest)) found = candidate.site
    }
    return found
  }
}

/** Finds a site by its id; null where it is not served any more. */
export function siteFinderById(settings: SiteSettings): (id: string) => Site | null {
  return (id) => {
    const site = Object.hasOwn(settings, id) ? settings[id] : undefined
    return site ? { id, sessionIdleMsMax: sessionIdleMsMaxOf(site) } : null
  }
}

function hasDistinctKeys(keys: readonly string[]): boolean {
  return new Set(keys).size === keys.length
}
