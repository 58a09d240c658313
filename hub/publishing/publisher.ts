import type { Logger } from 'pino'
import { type HubMetrics, popLabel } from '../metrics.ts'
import type { Blobs } from '../registry/blobs.ts'
import type { Registry } from '../registry/registry.ts'
import { Rounds } from '../rounds.ts'
import { liveTag } from './publish.ts'
import { askDigest, pushRelease } from './push.ts'
import type { HubSignature } from './send-signed.ts'

interface PublisherPorts extends HubSignature {
  readonly popUrls: readonly string[]
  readonly siteIds: readonly string[]
  readonly registry: Registry
  readonly blobs: Blobs
  readonly metrics: HubMetrics
  readonly logger: Logger
}

/** How often every POP is asked what it has: one that was away or is new is behind for at most this long. */
const compareMs = 10_000

/** Brings every POP to what the tags say, again and again, so that a push that failed is not the last word. */
export class Publisher {
  readonly #ports: PublisherPorts
  readonly #rounds = new Rounds(() => this.#round(), compareMs)

  constructor(ports: PublisherPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Compares and pushes now, after a round that is running; resolves when every POP has answered or failed. */
  pushNow(): Promise<void> {
    return this.#rounds.now()
  }

  async #round(): Promise<void> {
    const { popUrls, siteIds } = this.#ports
    const pairs = popUrls.flatMap((pop) => siteIds.map((site) => [pop, site] as const))
    await Promise.all(pairs.map(([pop, site]) => this.#bringUpToDate(pop, site)))
  }

  async #bringUpToDate(pop: string, site: string): Promise<void> {
    const { registry, blobs, logger, metrics } = this.#ports
    try {
      const digest = await registry.tag(site, liveTag)
      if (digest === null || (await askDigest(pop, site, this.#ports)) === digest) return
      const bytes = await blobs.get(digest)
      if (bytes === null) throw new Error(`the bytes of release ${digest} are missing`)
      await pushRelease(pop, site, { digest, bytes: new Uint8Array(bytes) }, this.#ports)
      metrics.pushes.inc({ outcome: 'live', pop: popLabel(pop) })
      logger.info({ pop, site, digest }, 'release is live')
    } catch (cause) {
      metrics.pushes.inc({ outcome: 'failed', pop: popLabel(pop) })
      logger.warn({ pop, site, reason: String(cause) }, 'a POP is not up to date')
    }
  }
}
