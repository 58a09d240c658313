import type { Environment } from './environment.ts'
import { retrain, type Training } from './retrain.ts'

/** How soon a site that had too little to learn from is looked at again. */
const tooLittleMs = 3_000

/** Trains every site again and again, one training at a time; at most one more a site waits. */
export class Schedule {
  readonly #environment: Environment
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #waiting = new Map<string, Promise<Training>>()
  #running: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(environment: Environment) {
    this.#environment = environment
  }

  start(): void {
    const { retrainMs, siteIds } = this.#environment.config
    if (retrainMs === 0) return
    for (const site of siteIds) this.#later(site, Math.min(tooLittleMs, retrainMs))
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
    for (const timer of this.#timers.values()) clearTimeout(timer)
    await this.#running
  }

  #later(site: string, delayMs: number): void {
    if (this.#isStopped) return
    this.#timers.set(
      site,
      setTimeout(() => void this.#train(site), delayMs),
    )
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
