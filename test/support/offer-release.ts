import type { Placement } from '#shared/policy.ts'
import { smallRelease } from './release.ts'

export type Offers = (Placement & { readonly kind: 'offer' })['offers']

/** A release whose placement `offer` has these offers. */
export function offerRelease(site: string, offers: Offers) {
  const release = smallRelease({ site, sessions: [[0, 1, 2]], itemsTotal: 3 })
  const offer: Placement = { kind: 'offer', offers }
  const placements = { ...release.policy.placements, offer }
  return { ...release, policy: { ...release.policy, placements } }
}
