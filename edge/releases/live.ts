import {
  type CanaryEnd,
  type CanaryTerms,
  canaryFault,
  canaryFigures,
  isInCanary,
  noCounts,
  type ReleaseCounts,
} from '#shared/canary.ts'
import type { Fallback } from '#shared/contract.ts'
import { ReleaseError } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { log, reasonOf } from '../log.ts'
import { type LoadedRelease, loadRelease, ReleaseRefused } from './load.ts'
import type { ReleasePointer, ReleaseShelf } from './shelf.ts'

interface Ports {
  readonly shelf: () => DurableObjectStub<ReleaseShelf>
  readonly publicKey: () => Promise<CryptoKey>
  readonly pollMs: number
  readonly now: () => number
  readonly stopwatch: () => number
  /** 0 to 1. */
  readonly random: () => number
  /** Told of a canary that was outside its limits. */
  readonly onCanaryEnded: () => void
}

/** A loaded release and the requests that are deciding by it. */
interface Held {
  readonly release: LoadedRelease
  holders: number
  isRetired: boolean
}

/** A canary beside what is live, and what was counted of both since it began in this isolate. */
interface Canary {
  readonly held: Held
  readonly terms: CanaryTerms
  readonly own: ReleaseCounts
  readonly others: ReleaseCounts
}

interface Entry {
  held: Held | null
  canary: Canary | null
  nextCheckAt: number
  refreshing: Promise<void> | null
  /** A digest that could not be loaded is not tried again until another one comes; nor is an ended canary. */
  refused: string | null
  refusedCanary: string | null
}

type Later = (work: Promise<void>) => void

/** An answer by one release; some fallbacks say that its model failed. */
interface Answer {
  readonly fallback: string | null
}

const failures: ReadonlySet<string> = new Set<Fallback>(['model_failed', 'scorer_typescript'])

/**
 * The releases each site decides by, in this isolate: the live one, and while a canary runs that one too; never a
 * third, which would not fit. A request takes one and keeps it to its end.
 */
export class LiveReleases {
  readonly #ports: Ports
  readonly #sites = new Map<string, Entry>()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Runs `work` with the release that answers the visitor, null before the first; it stays loaded until `work` has
   * ended. Waits only for an isolate's first look at the shelf.
   */
  async use<Result extends Answer>(
    site: string,
    visitor: string,
    later: Later,
    work: (release: LoadedRelease | null) => Promise<Result>,
  ): Promise<Result> {
    const entry = await this.#checked(site, later)
    const { canary } = entry
    const held = canary && isFor(canary, visitor) ? canary.held : entry.held
    if (held === null) return work(null)
    if (canary === null) return holding(held, work)
    const counts = held === canary.held ? canary.own : canary.others
    const startedAt = this.#ports.stopwatch()
    try {
      const answer = await holding(held, work)
      count(counts, this.#ports.stopwatch() - startedAt, failures.has(answer.fallback ?? ''))
      return answer
    } catch (cause) {
      // What was refused is the fault of whoever asked.
      if (!(cause instanceof RequestRefused)) {
        count(counts, this.#ports.stopwatch() - startedAt, true)
      }
      throw cause
    } finally {
      this.#endIfFaulty(site, entry, canary, later)
    }
  }

  /** Whether a release that answers here listens to one of these events; waits as `use` does. */
  async hears(site: string, later: Later, events: readonly string[]): Promise<boolean> {
    const { held, canary } = await this.#checked(site, later)
    return [held, canary?.held].some((each) =>
      events.some((event) => each?.release.policy.listeners.has(event)),
    )
  }

  /** Counts what a visitor did for the release that answers them; only while a canary runs. */
  countOutcomes(site: string, visitor: string, outcomes: number): void {
    const canary = this.#sites.get(site)?.canary
    if (!canary || outcomes === 0) return
    const counts = isFor(canary, visitor) ? canary.own : canary.others
    counts.outcomes += outcomes
  }

  /** What each site is answered by in this isolate; a site that has not been asked for is not there. */
  digests(): (readonly [site: string, digest: string])[] {
    return [...this.#sites].flatMap(([site, { held }]) =>
      held === null ? [] : [[site, held.release.digest] as const],
    )
  }

  /** What was counted while a canary runs, by site. */
  counts(): (readonly [site: string, canary: ReleaseCounts, live: ReleaseCounts])[] {
    return [...this.#sites].flatMap(([site, { canary }]) =>
      canary === null ? [] : [[site, canary.own, canary.others] as const],
    )
  }

  /** Lets a canary go before another release is loaded, so that there are never three; the shelf still has it. */
  async makeRoom(site: string): Promise<void> {
    await this.dropCanary(site)
  }

  /** The canary itself where it has this digest: what is promoted need not be loaded again. */
  loadedCanary(site: string, digest: string): LoadedRelease | null {
    const release = this.#sites.get(site)?.canary?.held.release
    return release?.digest === digest ? release : null
  }

  /** Makes a release live at once in this isolate; the others find it on the shelf. */
  async activate(site: string, release: LoadedRelease): Promise<void> {
    const entry = this.#entry(site)
    const previous = entry.held
    const promoted = entry.canary?.held.release === release ? entry.canary.held : null
    if (promoted) entry.canary = null
    entry.held = promoted ?? { release, holders: 0, isRetired: false }
    entry.refused = null
    entry.nextCheckAt = this.#nextCheckAt()
    await retire(previous)
  }

  /** Makes a release the canary at once in this isolate, with counts from zero. */
  async activateCanary(site: string, release: LoadedRelease, terms: CanaryTerms): Promise<void> {
    const entry = this.#entry(site)
    const previous = entry.canary?.held ?? null
    const isSame = previous?.release === release
    const held = isSame ? previous : { release, holders: 0, isRetired: false }
    entry.canary = { held, terms, own: noCounts(), others: noCounts() }
    entry.refusedCanary = null
    if (!isSame) await retire(previous)
  }

  async dropCanary(site: string): Promise<void> {
    const entry = this.#entry(site)
    const { canary } = entry
    entry.canary = null
    await retire(canary?.held ?? null)
  }

  #endIfFaulty(site: string, entry: Entry, canary: Canary, later: Later): void {
    if (entry.canary !== canary) return
    const { own, others, terms, held } = canary
    const reason = canaryFault(own, others, terms.limits)
    if (reason === null) return
    const { digest } = held.release
    entry.canary = null
    entry.refusedCanary = nameOf(digest, terms)
    const ended: CanaryEnd = {
      ...{ digest, startedAtMs: terms.startedAtMs, at: this.#ports.now(), reason },
      figures: canaryFigures(own, others),
    }
    log('warn', 'a canary was ended', { site, digest, reason })
    this.#ports.onCanaryEnded()
    later(this.#tellEnd(site, ended, held))
  }

  async #tellEnd(site: string, ended: CanaryEnd, held: Held): Promise<void> {
    await retire(held)
    await this.#ports.shelf().endCanary(site, ended)
  }

  async #checked(site: string, later: Later): Promise<Entry> {
    const entry = this.#entry(site)
    if (entry.nextCheckAt === 0) await this.#refresh(site, entry)
    else if (this.#ports.now() >= entry.nextCheckAt) later(this.#refresh(site, entry))
    return entry
  }

  #refresh(site: string, entry: Entry): Promise<void> {
    entry.refreshing ??= this.#check(site, entry).finally(() => {
      entry.refreshing = null
      entry.nextCheckAt = this.#nextCheckAt()
    })
    return entry.refreshing
  }

  async #check(site: string, entry: Entry): Promise<void> {
    try {
      const { live, canary } = await this.#ports.shelf().state(site)
      if (live && live.digest !== entry.held?.release.digest && live.digest !== entry.refused) {
        await this.#takeLive(site, entry, live)
      }
      const running = entry.canary && nameOf(entry.canary.held.release.digest, entry.canary.terms)
      const wanted = canary && nameOf(canary.digest, canary.terms)
      if (wanted === running || (wanted !== null && wanted === entry.refusedCanary)) return
      await this.dropCanary(site)
      if (canary) await this.#takeCanary(site, entry, canary)
    } catch (cause) {
      log('error', 'the shelf could not be read', { site, reason: reasonOf(cause) })
    }
  }

  async #takeLive(site: string, entry: Entry, pointer: ReleasePointer): Promise<void> {
    const promoted = this.loadedCanary(site, pointer.digest)
    if (promoted) return this.activate(site, promoted)
    await this.makeRoom(site)
    const release = await this.#load(site, pointer, () => {
      entry.refused = pointer.digest
    })
    if (release) await this.activate(site, release)
  }

  async #takeCanary(
    site: string,
    entry: Entry,
    pointer: ReleasePointer & { readonly terms: CanaryTerms },
  ): Promise<void> {
    const release = await this.#load(site, pointer, () => {
      entry.refusedCanary = nameOf(pointer.digest, pointer.terms)
    })
    if (release) await this.activateCanary(site, release, pointer.terms)
  }

  /** Null where it cannot be loaded: the last good release stays. Only one that is bad is not asked for again. */
  async #load(
    site: string,
    pointer: ReleasePointer,
    onBad: () => void,
  ): Promise<LoadedRelease | null> {
    try {
      const bytes = await this.#ports.shelf().read(site, pointer.digest)
      if (bytes === null) return null
      const key = await this.#ports.publicKey()
      return await loadRelease(site, pointer, new Uint8Array(bytes), key)
    } catch (cause) {
      if (cause instanceof ReleaseRefused || cause instanceof ReleaseError) onBad()
      log('error', 'a release on the shelf was not taken', { site, reason: reasonOf(cause) })
      return null
    }
  }

  #entry(site: string): Entry {
    const entry = this.#sites.get(site) ?? {
      ...{ held: null, canary: null, nextCheckAt: 0, refreshing: null },
      ...{ refused: null, refusedCanary: null },
    }
    this.#sites.set(site, entry)
    return entry
  }

  #nextCheckAt(): number {
    // Jitter keeps a fleet of isolates from asking at the same moment.
    return this.#ports.now() + this.#ports.pollMs * (0.75 + this.#ports.random() / 2)
  }
}

async function holding<Result>(
  held: Held,
  work: (release: LoadedRelease) => Promise<Result>,
): Promise<Result> {
  held.holders++
  try {
    return await work(held.release)
  } finally {
    held.holders--
    if (held.isRetired && held.holders === 0) await held.release.dispose()
  }
}

/** Lets a release go when the last request that decides by it has ended. */
async function retire(held: Held | null): Promise<void> {
  if (held === null) return
  held.isRetired = true
  if (held.holders === 0) await held.release.dispose()
}

function count(counts: ReleaseCounts, latencyMs: number, hasFailed: boolean): void {
  counts.decisions++
  counts.latencyMsTotal += latencyMs
  if (hasFailed) counts.failures++
}

function isFor({ held, terms }: Canary, visitor: string): boolean {
  return isInCanary(held.release.digest, terms, visitor)
}

function nameOf(digest: string, { startedAtMs }: CanaryTerms): string {
  return `${digest} ${startedAtMs}`
}
