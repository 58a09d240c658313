import type { Environment } from './environment.ts'
import type { TrainingEnd } from './registry/registry.ts'
import { driftBounds, populationStability, readDriftBins } from './training/drift.ts'
import { Trainings } from './trainings.ts'

/** How soon a site that had too little to learn from is looked at again. */
const tooLittleMs = 3_000
/** How often a site is looked at for drift. */
const watchMs = 10 * 60_000

/** Trains every site again and again, and between times where what people look at has drifted. */
export class Schedule {
  readonly #environment: Environment
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #watches = new Map<string, NodeJS.Timeout>()
  readonly #trainedAtMs = new Map<string, number>()
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
      this.#later(site, Math.min(tooLittleMs, retrainMs))
      this.#watchLater(site)
    }
  }

  /** Trains at once where the clicks since a training (epoch ms) are no longer those before it; null where they are. */
  async trainWhereDrifted(site: string, trainedAtMs: number): Promise<TrainingEnd | null> {
    const { store, logger } = this.#environment
    const stability = populationStability(await readDriftBins(store, site, trainedAtMs))
    if (stability <= driftBounds.stabilityMax) return null
    logger.info({ site, stability }, 'what people look at has drifted: training now')
    return this.#trainNow(site, 'drift')
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

  /** Looks for drift since the last training of this hub; before the first there is nothing to drift from. */
  async #watch(site: string): Promise<void> {
    const trainedAtMs = this.#trainedAtMs.get(site)
    try {
      if (trainedAtMs !== undefined) await this.trainWhereDrifted(site, trainedAtMs)
    } catch (cause) {
      this.#environment.logger.warn({ site, reason: String(cause) }, 'drift was not looked for')
    }
    this.#watchLater(site)
  }

  async #train(site: string): Promise<void> {
    const { retrainMs } = this.#environment.config
    const { outcome } = await this.#trainNow(site, 'schedule')
    this.#later(site, outcome === 'too_little' ? Math.min(tooLittleMs, retrainMs) : retrainMs)
  }

  async #trainNow(site: string, by: string): Promise<TrainingEnd> {
    const startedAtMs = this.#environment.now()
    const end = await this.trainings.runFor(site, by)
    if (end.outcome !== 'too_little' && end.outcome !== 'failed') {
      this.#trainedAtMs.set(site, startedAtMs)
    }
    return end
  }
}
