import { env } from 'cloudflare:workers'
import { importPopKey, importReleasePublicKey } from '#shared/keys.ts'
import { readConfig } from './config.ts'
import { Counters } from './counters.ts'
import { LivePopularity } from './live-popularity.ts'
import { LiveReleases } from './releases/live.ts'
import type { ReleaseShelf } from './releases/shelf.ts'
import type { Visitors } from './visitors/object.ts'

/** What wrangler.toml binds beside the settings. */
export interface Bindings {
  readonly VISITORS: DurableObjectNamespace<Visitors>
  readonly RELEASES: DurableObjectNamespace<ReleaseShelf>
}

const bindings = env as unknown as Bindings

/** Read at load: a wrong setting stops the worker before its first request, with a sentence. */
export const config = readConfig(env as unknown as Record<string, unknown>)

/** Everything a stage may need from outside, built once an isolate. Clock and ids come from here alone. */
export const environment = {
  config,
  now: () => Date.now(),
  stopwatch: () => performance.now(),
  newId: () => crypto.randomUUID() as string,
  counters: new Counters(),
  popularity: new LivePopularity(),
  visitors: bindings.VISITORS,
  shelf: () => bindings.RELEASES.get(bindings.RELEASES.idFromName('releases')),
  releases: new LiveReleases({
    shelf: () => bindings.RELEASES.get(bindings.RELEASES.idFromName('releases')),
    publicKey: lazily(() => importReleasePublicKey(config.releasePublicKey)),
    pollMs: config.releasePollMs,
    now: () => Date.now(),
  }),
  popKey: lazily(() => importPopKey(config.popSecret)),
  releaseKey: lazily(() => importReleasePublicKey(config.releasePublicKey)),
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
