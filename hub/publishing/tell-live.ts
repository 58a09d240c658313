import { defaultPolicy, type Policy } from '#shared/policy.ts'
import type { Environment } from '../environment.ts'
import { liveRelease } from './live-release.ts'
import { liveTag } from './tags.ts'

/** What answers the visitors of a site now. */
export interface ToldLive {
  /** Of the release, and when it was made; null before the first, when POPs go by the default policy. */
  readonly digest: string | null
  readonly createdAt: string | null
  /** By the names that placements call them. */
  readonly models: Readonly<Record<string, { readonly family: string }>>
  readonly placements: Readonly<Record<string, { readonly kind: string; readonly model?: string }>>
}

/** Tells what is live. A release is unpacked once, however often somebody asks. */
export function liveTeller(environment: Environment): (site: string) => Promise<ToldLive> {
  const told = new Map<string, ToldLive>()
  return async function tellLive(site) {
    const digest = await environment.registry.tag(site, liveTag)
    const known = told.get(site)
    if (known && known.digest === digest) return known
    const live = await liveRelease(site, environment)
    const models = Object.entries(live?.manifest.models ?? {})
    const now: ToldLive = {
      ...{ digest: live?.digest ?? null, createdAt: live?.manifest.createdAt ?? null },
      models: Object.fromEntries(models.map(([name, { family }]) => [name, { family }])),
      placements: placementsOf(live?.policy ?? defaultPolicy),
    }
    told.set(site, now)
    return now
  }
}

function placementsOf({ placements }: Policy): ToldLive['placements'] {
  return Object.fromEntries(
    Object.entries(placements).map(([name, { kind, model }]) => [
      name,
      { kind, ...(model !== undefined && { model }) },
    ]),
  )
}
