import type { Environment } from './environment.ts'
import type { TrainingEnd } from './registry/registry.ts'
import { driftBounds, populationStability, readDriftBins } from './training/drift.ts'
import { Trainings } from './trainings.ts'

/** How soon a site is looked at again that had too little to learn from, or that another hub trains. */
const lookAgainMs = 3_000
/** How often a site is looked at for drift. */
const watchMs = 10 * 60_000

/**
 * Trains every site again and again, and between times where what people look at has drifted. Hubs that share a
 * registry share the schedule: whichever comes first to a site that is due trains it.
 */
export class Schedule {
  readonly #environment: Environment
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #watches = new Map<string, NodeJS.Timeout>()
  #isStopped = false
  readonly trainings: Trainings

  constructor(environment: Environment) {
    this.#environment = environment
    this.trainings = new Trainings(environment)
  }

  start(): void {
    const { retrainMs, siteIds } = this.#environment.config
    if (retrainMs === 0) return
    for (const site of siteIds) {
      this.#later(site, Math.min(lookAgainMs, retrainMs))
      this.#watchLater(site)
    }
  }

  /** Trains at once where the clicks since a training (epoch ms) are no longer those before it; null where they are. */
  async trainWhereDrifted(site: string, trainedAtMs: number): Promise<TrainingEnd | null> {
    const { store, logger } = this.#environment
    const stability = populationStability(await readDriftBins(store, site, trainedAtMs))
    if (stability <= driftBounds.stabilityMax) return null
    logger.info({ site, stability }, 'what people look at has drifted: training now')
    return this.trainings.runFor(site, 'drift', new Date(trainedAtMs))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timers of [this.#timers, this.#watches]) {
      for (const timer of timers.values()) clearTimeout(timer)
    }
    await this.trainings.stop()
  }

  #later(site: string, delayMs: number): void {
    if (this.#isStopped) return
    this.#timers.set(
      site,
      setTimeout(() => void this.#train(site), delayMs),
    )
  }

  #watchLater(site: string): void {
    if (this.#isStopped) return
    this.#watches.set(
      site,
      setTimeout(() => void this.#watch(site), watchMs),
    )
  }

  /** Looks for drift since the last training of the site; before the first there is nothing to drift from. */
  async #watch(site: string): Promise<void> {
    const { registry, logger } = this.#environment
    try {
      const trainedAt = await registry.trainedAt(site)
      if (trainedAt !== null) await this.trainWhereDrifted(site, trainedAt.getTime())
    } catch (cause) {
      logger.warn({ site, reason: String(cause) }, 'drift was not looked for')
    }
    this.#watchLater(site)
  }

  async #train(site: string): Promise<void> {
    this.#later(site, await this.trainWhereDue(site))
  }

  /** Trains a site that nobody has trained for `retrainMs`; answers after how many ms it is to be looked at again. */
  async trainWhereDue(site: string): Promise<number> {
    const { registry, config, metrics, now } = this.#environment
    const { retrainMs } = config
    // Where the registry is away the training says so.
    const trainedAt = await registry.trainedAt(site).catch(() => null)
    const dueInMs = trainedAt === null ? 0 : trainedAt.getTime() + retrainMs - now()
    if (trainedAt !== null && dueInMs > 0) {
      metrics.lastTraining.set({ site }, trainedAt.getTime() / 1_000)
      return dueInMs
    }
    const trainedBefore = new Date(now() - retrainMs)
    const { outcome } = await this.trainings.runFor(site, 'schedule', trainedBefore)
    return isSoon.has(outcome) ? Math.min(lookAgainMs, retrainMs) : retrainMs
  }
}

const isSoon: ReadonlySet<string> = new Set(['too_little', 'elsewhere'])
