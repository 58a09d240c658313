import type { Environment } from './environment.ts'
import { retrain, type Training } from './retrain.ts'
import { driftBounds, populationStability, readDriftBins } from './training/drift.ts'

/** How soon a site that had too little to learn from is looked at again. */
const tooLittleMs = 3_000
/** How often a site is looked at for drift. */
const watchMs = 10 * 60_000

/**
 * Trains every site again and again, and between times where what people look at has drifted; one training at
 * a time, at most one more a site waits.
 */
export class Schedule {
  readonly #environment: Environment
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #watches = new Map<string, NodeJS.Timeout>()
  readonly #trainedAtMs = new Map<string, number>()
  readonly #waiting = new Map<string, Promise<Training>>()
  #running: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(environment: Environment) {
    this.#environment = environment
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
  async trainWhereDrifted(site: string, trainedAtMs: number): Promise<Training | null> {
    const { store, logger } = this.#environment
    const stability = populationStability(await readDriftBins(store, site, trainedAtMs))
    if (stability <= driftBounds.stabilityMax) return null
    logger.info({ site, stability }, 'what people look at has drifted: training now')
    return this.trainNow(site, 'drift')
  }

  /** Trains after whatever is being trained; one that waits for that already will do. Throws what it threw. */
  trainNow(site: string, by: string): Promise<Training> {
    const waiting = this.#waiting.get(site)
    if (waiting) return waiting
    const training = this.#running.then(() => {
      this.#waiting.delete(site)
      return this.#trainAndTell(site, by)
    })
    this.#waiting.set(site, training)
    this.#running = training.catch(() => {})
    return training
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timers of [this.#timers, this.#watches]) {
      for (const timer of timers.values()) clearTimeout(timer)
    }
    await this.#running
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
    let delayMs = this.#environment.config.retrainMs
    try {
      const { outcome } = await this.trainNow(site, 'schedule')
      if (outcome === 'too_little') delayMs = Math.min(tooLittleMs, delayMs)
    } catch {
      // Told of where it happened; the next one is due when this one would have been followed.
    }
    this.#later(site, delayMs)
  }

  async #trainAndTell(site: string, by: string): Promise<Training> {
    const { metrics, logger, now } = this.#environment
    const startedAt = now()
    const count = (outcome: string) => {
      metrics.trainings.inc({ outcome })
      metrics.trainingSeconds.observe({ outcome }, (now() - startedAt) / 1_000)
    }
    try {
      const training = await retrain(site, by, this.#environment)
      count(training.outcome)
      if (training.outcome !== 'too_little') this.#trainedAtMs.set(site, startedAt)
      metrics.lastTraining.set({ site }, now() / 1_000)
      logger.info({ site, by, ...training }, `training: ${training.outcome}`)
      return training
    } catch (cause) {
      count('failed')
      logger.error({ site, by, reason: String(cause) }, 'training failed')
      throw cause
    }
  }
}
