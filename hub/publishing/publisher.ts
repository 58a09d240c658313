import type { Logger } from 'pino'
import type { CanaryLimits, CanaryTerms } from '#shared/canary.ts'
import type { ReleaseState } from '#shared/contract.ts'
import { type HubMetrics, popLabel } from '../metrics.ts'
import type { Blobs } from '../registry/blobs.ts'
import type { Registry, TagMove } from '../registry/registry.ts'
import { Rounds } from '../rounds.ts'
import { askReleases, endCanary, pushRelease, type ReleaseToPush } from './push.ts'
import type { HubSignature } from './send-signed.ts'
import { canaryTag, candidateTag, liveTag } from './tags.ts'

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
  /** Digest of what the next move is likely to make live; null while a canary takes its place. */
  readonly standby: string | null
}

/** How often every POP is asked what it has: one that was away or is new is behind for at most this long. */
const compareMs = 10_000

/**
 * Brings every POP to what the tags say, again and again, so that a push that failed is not the last word. Each POP
 * has rounds of its own: one that is slow holds up nobody else's rollback.
 */
export class Publisher {
  readonly #ports: PublisherPorts
  readonly #rounds: readonly Rounds[]
  /** What each POP said last, by address and site. */
  readonly #states = new Map<string, ReleaseState>()

  constructor(ports: PublisherPorts) {
    this.#ports = ports
    this.#rounds = ports.popUrls.map((pop) => new Rounds(() => this.#round(pop), compareMs))
  }

  start(): void {
    for (const rounds of this.#rounds) rounds.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#rounds.map((rounds) => rounds.stop()))
  }

  /** Compares and pushes now, after a round that is running; resolves when every POP has answered or failed. */
  async pushNow(): Promise<void> {
    await Promise.all(this.#rounds.map((rounds) => rounds.now()))
  }

  /** At how many POPs a release is live, or loaded beside what is, by what each said last. */
  readyAt(site: string, digest: string): number {
    const states = this.#ports.popUrls.map((pop) => this.#states.get(keyOf(pop, site)))
    return states.filter((state) => state && loadedAt(state).includes(digest)).length
  }

  async #round(pop: string): Promise<void> {
    await Promise.all(this.#ports.siteIds.map((site) => this.#bringUpToDate(pop, site)))
  }

  async #bringUpToDate(pop: string, site: string): Promise<void> {
    const { logger, metrics } = this.#ports
    try {
      const wanted = await this.#wanted(site)
      if (wanted === null) return
      const known = this.#states.get(keyOf(pop, site))
      // Where the tag has moved since, the order itself asks: the answer to it says what the POP has.
      const hasMoved = known !== undefined && known.digest !== wanted.live.digest
      let state = hasMoved ? known : await askReleases(pop, site, this.#ports)
      if (state.digest !== wanted.live.digest) {
        state = await this.#push(pop, site, { digest: wanted.live.digest, use: 'live' })
      }
      state = await this.#bringCanary(pop, site, wanted, state)
      state = await this.#bringStandby(pop, site, wanted, state)
      this.#states.set(keyOf(pop, site), state)
    } catch (cause) {
      this.#states.delete(keyOf(pop, site))
      metrics.pushes.inc({ outcome: 'failed', pop: popLabel(pop) })
      logger.warn({ pop, site, reason: String(cause) }, 'a POP is not up to date')
    }
  }

  async #bringCanary(pop: string, site: string, wanted: Wanted, state: ReleaseState) {
    const { canary } = wanted
    if (canary === null) return state.canary ? endCanary(pop, site, this.#ports) : state
    const { digest, terms } = canary
    const isOf = (other: { digest: string; startedAtMs: number } | null) =>
      other?.digest === digest && other.startedAtMs === terms.startedAtMs
    if (isOf(state.ended)) {
      await this.#takeEnd(site, state, wanted)
      return state
    }
    if (isOf(state.canary && { digest: state.canary.digest, ...state.canary.terms })) return state
    return this.#push(pop, site, { digest, use: terms })
  }

  async #bringStandby(pop: string, site: string, { standby }: Wanted, state: ReleaseState) {
    // A POP that is not upgraded yet says nothing of it, and would make it live.
    if (standby === null || state.standby === undefined || state.standby === standby) return state
    return this.#push(pop, site, { digest: standby, use: 'standby' })
  }

  /** A canary that was outside its limits at one POP ends everywhere: the tag goes back to what is live. */
  async #takeEnd(site: string, { pop, ended }: ReleaseState, { live }: Wanted): Promise<void> {
    if (ended === null) return
    const { registry, logger, now } = this.#ports
    const { digest, startedAtMs, reason, figures } = ended
    await registry.addPopReport({ site, pop, digest, at: new Date(ended.at), reason, figures })
    logger.warn({ site, pop, digest, reason }, 'a POP ended a canary')
    // Another POP may have told the same meanwhile, or somebody has ordered it anew.
    const last = await registry.lastMove(site, canaryTag)
    if (last?.digest !== digest || last.at.getTime() !== startedAtMs || last.share === 0) return
    const move = { site, digest: live.digest, at: new Date(now()), by: `POP ${pop}`, why: reason }
    await registry.moveTag({ ...move, tag: canaryTag, share: 0 })
    if ((await registry.tag(site, candidateTag)) === digest) {
      await registry.moveTag({ ...move, tag: candidateTag, share: null })
    }
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
    const as = typeof release.use === 'string' ? release.use : 'canary'
    metrics.pushes.inc({ outcome: as, pop: popLabel(pop) })
    logger.info({ pop, site, as, digest: release.digest }, 'release is taken')
    return state
  }

  async #wanted(site: string): Promise<Wanted | null> {
    const { registry, canaryLimits } = this.#ports
    const live = await registry.lastMove(site, liveTag)
    if (live === null) return null
    const canary = await registry.lastMove(site, canaryTag)
    if (!canary?.share || canary.digest === live.digest) {
      return { live, canary: null, standby: await this.#standby(live) }
    }
    const { share, at } = canary
    const terms = { share, startedAtMs: at.getTime(), limits: canaryLimits }
    return { live, canary: { ...canary, terms }, standby: null }
  }

  /** The candidate, where it is newer than what is live; else what a rollback would make live. */
  async #standby(live: TagMove): Promise<string | null> {
    const { registry } = this.#ports
    const newest = await registry.lastMove(live.site, liveTag, candidateTag)
    const isCandidate = newest?.tag === candidateTag && newest.digest !== live.digest
    return isCandidate ? newest.digest : registry.tagBefore(live.site, liveTag)
  }
}

function loadedAt({ digest, standby, isStandbyReady, canary }: ReleaseState) {
  return [digest, canary?.digest, isStandbyReady ? standby : null]
}

function keyOf(pop: string, site: string): string {
  return `${pop} ${site}`
}
