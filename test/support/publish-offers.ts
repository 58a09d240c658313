import type { Environment } from '#hub/environment.ts'
import { publishRelease } from '#hub/publishing/publish.ts'
import { packRelease } from '#shared/release.ts'
import { type Offers, offerRelease } from './offer-release.ts'

/** Makes a release whose placement `offer` has these offers live at a hub. */
export async function publishOffers(offers: Offers, environment: Environment, site = 'shop') {
  const parts = offerRelease(site, offers)
  const publication = { by: 'test', why: 'its offers', figures: {}, manifest: parts.manifest }
  await publishRelease(site, await packRelease(parts), publication, environment)
}
