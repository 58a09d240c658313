import type { Logger } from 'pino'
import { type HubMetrics, popLabel } from '../metrics.ts'
import type { Blobs } from '../registry/blobs.ts'
import type { Registry } from '../registry/registry.ts'
import { liveTag } from './publish.ts'
import { askDigest, type PushPorts, pushRelease } from './push.ts'

interface PublisherPorts extends PushPorts {
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
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | null = null

  constructor(ports: PublisherPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#timer = setInterval(() => void this.pushNow(), compareMs)
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#running
  }

  /** Compares and pushes now, after a round that is running; resolves when every POP has answered or failed. */
  pushNow(): Promise<void> {
    // One round may wait behind the one that runs; it will see whatever a second one would.
    this.#next ??= this.#running.then(() => {
      this.#next = null
      this.#running = this.#round()
      return this.#running
    })
    return this.#next
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
