import * as v from 'valibot'
import { equalInConstantTime, secretDigest } from '#shared/constant-time.ts'
import { httpUrl, integer, jsonText, readSettings } from '#shared/settings.ts'
import { siteFinder, siteFinderById, sitesSchema } from '#shared/sites.ts'

const settingsSchema = v.object({
  SITES: jsonText(sitesSchema, 'set JSON like {"demo":{"writeKeys":["demo"]}}'),
  HUB_URL: httpUrl,
  POP_ID: v.pipe(
    v.string('set a name for this POP'),
    v.regex(/^[a-zA-Z0-9._-]{1,64}$/, 'set 1 to 64 letters, digits, ".", "_" or "-"'),
  ),
  POP_SECRET: v.pipe(
    v.string('set the secret it shares with the hub'),
    v.minLength(32, 'set at least 32 characters'),
  ),
  RELEASE_PUBLIC_KEY: v.pipe(
    v.string("set the hub's public key, which it prints at start"),
    v.regex(/^[0-9a-f]{64}$/, 'set 64 hexadecimal digits'),
  ),
  REGION: v.optional(v.string(), 'local'),
  /** 0: one Durable Object a visitor, near the visitor. 1 and more: that many a site, for one box. */
  VISITOR_SHARDS: integer({ min: 0, max: 256, fallback: 0 }),
  /** What a Durable Object may hold for a hub that is away; past it the POP answers 429. */
  OUTBOX_BYTES_MAX: integer({ min: 65_536, max: 4_294_967_296, fallback: 268_435_456 }),
  /** How long events wait for company before they are forwarded. */
  FORWARD_DELAY_MS: integer({ min: 0, max: 60_000, fallback: 250 }),
  RELEASE_POLL_MS: integer({ min: 200, max: 600_000, fallback: 5_000 }),
  /** Who may read /metrics; without it anybody may, and no site is named there. */
  METRICS_TOKEN: v.optional(
    v.pipe(
      v.string(),
      v.minLength(32, 'set at least 32 characters'),
      v.regex(/^[\x21-\x7e]+$/, 'set letters, digits and signs of ASCII without blanks'),
    ),
  ),
})

/** The names of every setting of a POP. */
export const settingNames = Object.keys(settingsSchema.entries)

/** Reads every setting of a POP, once. Throws SettingsError with a sentence that says what to set. */
export function readConfig(variables: Readonly<Record<string, unknown>>) {
  const settings = readSettings(settingsSchema, variables)
  return {
    siteOf: siteFinder(settings.SITES),
    siteOfId: siteFinderById(settings.SITES),
    siteIds: Object.keys(settings.SITES),
    hubUrl: settings.HUB_URL,
    popId: settings.POP_ID,
    popSecret: settings.POP_SECRET,
    releasePublicKey: settings.RELEASE_PUBLIC_KEY,
    region: settings.REGION,
    visitorShards: settings.VISITOR_SHARDS,
    outboxBytesMax: settings.OUTBOX_BYTES_MAX,
    forwardDelayMs: settings.FORWARD_DELAY_MS,
    releasePollMs: settings.RELEASE_POLL_MS,
    isMetricsToken: tokenChecker(settings.METRICS_TOKEN),
  }
}

/** Null where no token is set. */
function tokenChecker(wanted: string | undefined): ((token: string) => boolean) | null {
  if (wanted === undefined) return null
  const digest = secretDigest(wanted)
  return (token) => equalInConstantTime(secretDigest(token), digest)
}
