import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { BundledModule } from '#edge/box/bundle.ts'
import { publicKeyHexOf } from '#hub/release-key.ts'
import { loadSite } from '../deliveries.ts'

export interface Secrets {
  readonly popSecret: string
  readonly releasePrivateKey: string
}

/** A POP in a workerd of its own; nothing is forwarded in the time a measurement takes. */
export function startPop(
  id: string,
  modules: BundledModule[],
  { popSecret, releasePrivateKey }: Secrets,
  more: { readonly inspectorPort?: number } = {},
): Miniflare {
  return new Miniflare(
    convertV4MiniflareOptions({
      ...{ host: '127.0.0.1', port: 0, name: id, modules, ...more },
      compatibilityDate: '2026-10-01',
      bindings: {
        SITES: JSON.stringify({ [loadSite]: { writeKeys: [loadSite] } }),
        ...{ HUB_URL: 'http://127.0.0.1:9', FORWARD_DELAY_MS: '60000', VISITOR_SHARDS: '1' },
        ...{ POP_ID: id, POP_SECRET: popSecret },
        RELEASE_PUBLIC_KEY: publicKeyHexOf(releasePrivateKey),
      },
      durableObjects: {
        VISITORS: { className: 'Visitors', useSQLite: true },
        OFFERS: { className: 'Offers', useSQLite: true },
        PROFILES: { className: 'Profiles', useSQLite: true },
        RELEASES: { className: 'ReleaseShelf', useSQLite: true },
      },
    }),
  )
}
