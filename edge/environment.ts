import { env, exports } from 'cloudflare:workers'
import { importPopKey, importReleasePublicKey } from '#shared/keys.ts'
import { clock } from './clock.ts'
import { readConfig } from './config.ts'
import { Counters } from './counters.ts'
import type { DueDecisions } from './due-decisions.ts'
import { KnownLinks } from './known-links.ts'
import { KnownVisitors } from './known-visitors.ts'
import { LivePopularity } from './live-popularity.ts'
import type { Offers } from './offers/object.ts'
import type { Profiles } from './profiles/object.ts'
import { LiveReleases } from './releases/live.ts'
import { type Loader, loadRelease, verifyPointer } from './releases/load.ts'
import type { ReleasePointer, ReleaseShelf } from './releases/shelf.ts'
import type { Visitors } from './visitors/object.ts'

/** What wrangler.toml binds beside the settings. */
export interface Bindings {
  readonly VISITORS: DurableObjectNamespace<Visitors>
  readonly OFFERS: DurableObjectNamespace<Offers>
  readonly PROFILES: DurableObjectNamespace<Profiles>
  readonly RELEASES: DurableObjectNamespace<ReleaseShelf>
}

const bindings = env as unknown as Bindings

/** What edge/worker.ts exports, as this worker calls itself. */
const itself = exports as unknown as { readonly DueDecisions: Service<DueDecisions> }

/** Read at load: a wrong setting stops the worker before its first request, with a sentence. */
const config = readConfig(env as unknown as Record<string, unknown>)

// The one place where chance and ids come from.
const random = () => Math.random()
const newId = () => crypto.randomUUID() as string

const counters = new Counters()

const shelf = () => bindings.RELEASES.get(bindings.RELEASES.idFromName('releases'))
const releaseKey = lazily(() => importReleasePublicKey(config.releasePublicKey))
const loadSigned: Loader = async (...of) => loadRelease(...of, await releaseKey())

/** Everything a stage may need from outside, built once an isolate. */
export const environment = {
  config,
  now: clock.now,
  random,
  newId,
  stopwatch: clock.stopwatch,
  counters,
  links: new KnownLinks(),
  known: new KnownVisitors(),
  popularity: new LivePopularity(),
  visitors: bindings.VISITORS,
  dueDecisions: () => itself.DueDecisions,
  offersOf: (site: string) => bindings.OFFERS.get(bindings.OFFERS.idFromName(site)),
  profilesOf: (site: string) => bindings.PROFILES.get(bindings.PROFILES.idFromName(site)),
  shelf,
  loadRelease: loadSigned,
  verifyPointer: async (site: string, pointer: ReleasePointer) =>
    verifyPointer(site, pointer, await releaseKey()),
  releases: new LiveReleases({
    shelf,
    load: loadSigned,
    pollMs: config.releasePollMs,
    onCanaryEnded: () => counters.add('shelfedge_canaries_ended_total'),
    ...{ ...clock, random },
  }),
  popKey: lazily(() => importPopKey(config.popSecret)),
  releaseKey,
} as const
export type Environment = typeof environment

/** Keys are imported at the first request: a worker may not do so while it loads. */
function lazily<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined
  return () => {
    made ??= make()
    return made
  }
}
