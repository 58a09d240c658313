import type { Logger } from 'pino'
import type { CanaryLimits, CanaryTerms } from '#shared/canary.ts'
import type { ReleaseState } from '#shared/contract.ts'
import { type HubMetrics, popLabel } from '../metrics.ts'
import type { Blobs } from '../registry/blobs.ts'
import type { Registry, TagMove } from '../registry/registry.ts'
import { Rounds } from '../rounds.ts'
import { askReleases, endCanary, pushRelease, type ReleaseToPush } from './push.ts'
import type { HubSignature } from './send-signed.ts'
import { canaryTag, liveTag } from './tags.ts'

interface PublisherPorts extends HubSignature {
  readonly popUrls: readonly string[]
  readonly siteIds: readonly string[]
  readonly registry: Registry
  readonly blobs: Blobs
  readonly canaryLimits: CanaryLimits
  readonly metrics: HubMetrics
  readonly logger: Logger
}

/** What the tags of a site say. */
interface Wanted {
  readonly live: TagMove
  readonly canary: (TagMove & { readonly terms: CanaryTerms }) | null
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
    const { logger, metrics } = this.#ports
    try {
      const wanted = await this.#wanted(site)
      if (wanted === null) return
      let state = await askReleases(pop, site, this.#ports)
      if (state.digest !== wanted.live.digest) {
        state = await this.#push(pop, site, { digest: wanted.live.digest, canary: null })
      }
      await this.#bringCanary(pop, site, wanted, state)
    } catch (cause) {
      metrics.pushes.inc({ outcome: 'failed', pop: popLabel(pop) })
      logger.warn({ pop, site, reason: String(cause) }, 'a POP is not up to date')
    }
  }

  async #bringCanary(pop: string, site: string, wanted: Wanted, state: ReleaseState) {
    const { canary } = wanted
    if (canary === null) {
      if (state.canary) await endCanary(pop, site, this.#ports)
      return
    }
    const { digest, terms } = canary
    const isOf = (other: { digest: string; startedAtMs: number } | null) =>
      other?.digest === digest && other.startedAtMs === terms.startedAtMs
    if (isOf(state.ended)) return this.#takeEnd(site, state, wanted)
    if (isOf(state.canary && { digest: state.canary.digest, ...state.canary.terms })) return
    await this.#push(pop, site, { digest, canary: terms })
  }

  /** A canary that was outside its limits at one POP ends everywhere: the tag goes back to what is live. */
  async #takeEnd(site: string, { pop, ended }: ReleaseState, { live }: Wanted): Promise<void> {
    if (ended === null) return
    const { registry, logger, now } = this.#ports
    const { digest, reason, figures } = ended
    await registry.addPopReport({ site, pop, digest, at: new Date(ended.at), reason, figures })
    logger.warn({ site, pop, digest, reason }, 'a POP ended a canary')
    // Another POP may have told the same meanwhile.
    const last = await registry.lastMove(site, canaryTag)
    if (last?.digest !== digest || last.share === 0) return
    const move = { site, tag: canaryTag, digest: live.digest, share: 0 }
    await registry.moveTag({ ...move, at: new Date(now()), by: `POP ${pop}`, why: reason })
    void this.pushNow()
  }

  async #push(pop: string, site: string, release: Omit<ReleaseToPush, 'bytes'>) {
    const { blobs, metrics, logger } = this.#ports
    const bytes = async () => {
      const found = await blobs.get(release.digest)
      if (found === null) throw new Error(`the bytes of release ${release.digest} are missing`)
      return new Uint8Array(found)
    }
    const state = await pushRelease(pop, site, { ...release, bytes }, this.#ports)
    const tag = release.canary === null ? liveTag : canaryTag
    metrics.pushes.inc({ outcome: 'live', pop: popLabel(pop) })
    logger.info({ pop, site, tag, digest: release.digest }, 'release is taken')
    return state
  }

  async #wanted(site: string): Promise<Wanted | null> {
    const { registry, canaryLimits } = this.#ports
    const live = await registry.lastMove(site, liveTag)
    if (live === null) return null
    const canary = await registry.lastMove(site, canaryTag)
    if (!canary?.share || canary.digest === live.digest) return { live, canary: null }
    const { share, at } = canary
    const terms = { share, startedAtMs: at.getTime(), limits: canaryLimits }
    return { live, canary: { ...canary, terms } }
  }
}
