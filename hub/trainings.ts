import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment } from './environment.ts'
import type { RecordedTraining, TrainingEnd } from './registry/registry.ts'
import { retrain } from './retrain.ts'

/** What a training says of itself while it runs; the last lines are kept. */
export interface ProgressLine {
  /** Counted from 1. */
  readonly number: number
  readonly at: Date
  readonly line: string
}

/** A training that waits, runs or has ended, as it is told over HTTP. */
export interface TrainingReport {
  /** Of an order, and of what came to something; null while a schedule's own waits or runs. */
  readonly number: number | null
  readonly site: string
  readonly by: string
  readonly at: Date
  readonly state: 'waiting' | 'running' | 'ended'
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly progress: readonly ProgressLine[]
  /** Null until it has ended. */
  readonly end: TrainingEnd | null
}

interface Work {
  number: number | null
  readonly site: string
  readonly by: string
  readonly at: Date
  startedAt: Date | null
  endedAt: Date | null
  end: TrainingEnd | null
  readonly progress: ProgressLine[]
}

const linesMax = 100
/** Works kept in memory; those that ended are in the registry too. */
const worksMax = 50
const ordersMax = 100
/** A training that has taken the hub along so often is not begun again. */
const startsMax = 3
/** How long a hub that stops waits for the training that runs: one that is nearly done need not be begun anew. */
const stopWaitMs = 3_000

/** Trainings of all sites, one at a time. What somebody ordered is durable, and outlives the hub. */
export class Trainings {
  readonly #environment: Environment
  #works: Work[] = []
  readonly #orders = new Map<string, Promise<Work>>()
  readonly #ownWaiting = new Map<string, Promise<TrainingEnd>>()
  #last: Promise<unknown> = Promise.resolve()
  #running: Work | null = null
  #left: Work | null = null
  #isStopped = false

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Takes an order, durable when this resolves; one of the site that waits already will do. */
  order(site: string, by: string): Promise<TrainingReport> {
    const order = this.#orders.get(site) ?? this.#take(site, by)
    return order.then(reportOf)
  }

  /** Trains after whatever is being trained, for nobody; one that waits already will do. Never rejects. */
  runFor(site: string, by: string): Promise<TrainingEnd> {
    const waiting = this.#ownWaiting.get(site)
    if (waiting) return waiting
    const ended = this.#enqueue(this.#work(site, by), () => this.#ownWaiting.delete(site))
    this.#ownWaiting.set(site, ended)
    return ended
  }

  /** Takes up what was ordered of a hub that ended before it was done. */
  async takeUp(): Promise<void> {
    const { registry, config, logger } = this.#environment
    for (const open of await registry.openTrainings(ordersMax)) {
      const { number, site, by, at, starts } = open
      const work = this.#work(site, by, { number, at })
      const refusal = config.siteIds.includes(site)
        ? tooOften(starts)
        : 'the site is not served any more'
      if (refusal !== null) {
        await this.#end(work, { ...nothing, outcome: 'failed', reason: refusal })
        continue
      }
      const line =
        starts > 0
          ? 'the hub ended in the middle of it: begun anew'
          : 'the hub ended before it was done'
      logger.info({ site, training: number, line }, 'a training is taken up')
      this.#tell(work, line)
      const known = Promise.resolve(work)
      if (!this.#orders.has(site)) this.#orders.set(site, known)
      void this.#enqueue(work, () => {
        if (this.#orders.get(site) === known) this.#orders.delete(site)
      })
    }
  }

  /** Trainings of a site, the newest first: what waits and runs, and what was ordered or came to something. */
  async list(site: string, limit: number): Promise<TrainingReport[]> {
    const here = this.#works.filter((work) => work.site === site).toReversed()
    const numbers = new Set(here.map(({ number }) => number))
    const recorded = await this.#environment.registry.trainings(site, limit)
    const others = recorded.filter(({ number }) => !numbers.has(number)).map(reportOfRecorded)
    return [...here.map(reportOf), ...others].slice(0, limit)
  }

  async find(site: string, number: number): Promise<TrainingReport | null> {
    const here = this.#works.find((work) => work.number === number && work.site === site)
    if (here) return reportOf(here)
    const recorded = await this.#environment.registry.training(site, number)
    return recorded && reportOfRecorded(recorded)
  }

  /** Resolves when none runs or waits. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** Begins no more. What was ordered and is not done stays open, and is taken up at the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.race([this.#last, sleep(stopWaitMs, undefined, { ref: false })])
    const { registry, now, logger } = this.#environment
    const left = this.#running
    if (left === null) return
    this.#left = left
    logger.info({ site: left.site, training: left.number }, 'a training is left for the next start')
    if (left.number === null) return
    const step = { training: left.number, at: new Date(now()), step: 'left', end: null } as const
    // Without it this start counts as one that took the hub along; the rest of the stop goes on.
    await registry.addTrainingStep(step).catch((cause: unknown) => {
      logger.warn({ site: left.site, reason: String(cause) }, 'what was left was not recorded')
    })
  }

  #take(site: string, by: string): Promise<Work> {
    const work = this.#work(site, by)
    const taken = this.#environment.registry
      .addTraining({ site, by, at: work.at })
      .then((number) => {
        work.number = number
        void this.#enqueue(work, () => this.#orders.delete(site))
        return work
      })
    this.#orders.set(site, taken)
    taken.catch(() => {
      this.#orders.delete(site)
      this.#forget(work)
    })
    return taken
  }

  #work(site: string, by: string, known: { number?: number; at?: Date } = {}): Work {
    const work: Work = {
      ...{ number: null, site, by, at: new Date(this.#environment.now()), ...known },
      ...{ startedAt: null, endedAt: null, end: null, progress: [] },
    }
    this.#works = [...this.#works, work].slice(-worksMax)
    return work
  }

  #enqueue(work: Work, onStart: () => void): Promise<TrainingEnd> {
    const ended = this.#last.then(() => {
      onStart()
      return this.#isStopped ? notBegun : this.#train(work)
    })
    this.#last = ended
    return ended
  }

  async #train(work: Work): Promise<TrainingEnd> {
    const { metrics, logger, now } = this.#environment
    const { site, by } = work
    work.startedAt = new Date(now())
    this.#running = work
    const end = await this.#outcome(work)
    // What it was closed over is no end of its own.
    if (this.#left === work) return notBegun
    this.#running = null
    const { outcome } = end
    const seconds = (now() - work.startedAt.getTime()) / 1_000
    metrics.trainings.inc({ outcome })
    metrics.trainingSeconds.observe({ outcome }, seconds)
    if (outcome === 'failed') {
      logger.error({ site, by, reason: end.reason }, 'training failed')
    } else {
      metrics.lastTraining.set({ site }, now() / 1_000)
      logger.info({ site, by, ...end }, `training: ${outcome}`)
    }
    await this.#end(work, end)
    return end
  }

  async #outcome(work: Work): Promise<TrainingEnd> {
    const { site, by, number, startedAt } = work
    const { registry } = this.#environment
    try {
      if (number !== null && startedAt !== null) {
        await registry.addTrainingStep({
          training: number,
          at: startedAt,
          step: 'started',
          end: null,
        })
      }
      return await retrain(site, by, this.#environment, (line) => this.#tell(work, line))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      return { ...nothing, outcome: 'failed', reason }
    }
  }

  /** Records the end; where the registry is away an order stays open, and the next start of the hub takes it up. */
  async #end(work: Work, end: TrainingEnd): Promise<void> {
    const { registry, logger, now } = this.#environment
    const { site, by, at } = work
    work.end = end
    work.endedAt = new Date(now())
    if (work.number === null && !cameToSomething.has(end.outcome)) return this.#forget(work)
    try {
      work.number ??= await registry.addTraining({ site, by, at })
      const training = work.number
      await registry.addTrainingStep({ training, at: work.endedAt, step: 'ended', end })
    } catch (cause) {
      logger.warn({ site, reason: String(cause) }, 'the end of a training was not recorded')
    }
  }

  #tell(work: Work, line: string): void {
    const number = (work.progress.at(-1)?.number ?? 0) + 1
    work.progress.push({ number, at: new Date(this.#environment.now()), line })
    if (work.progress.length > linesMax) work.progress.shift()
  }

  #forget(work: Work): void {
    this.#works = this.#works.filter((other) => other !== work)
  }
}

/** Of a schedule's own trainings those that found nothing to do are not kept: there may be one every few seconds. */
const cameToSomething: ReadonlySet<string> = new Set(['published', 'refused', 'failed'])

const nothing = { digest: null, policy: null, figures: {} } as const

const notBegun: TrainingEnd = { ...nothing, outcome: 'failed', reason: 'the hub stops' }

function tooOften(starts: number): string | null {
  return starts < startsMax ? null : `the hub ended ${starts} times in the middle of it`
}

function reportOf({ progress, ...work }: Work): TrainingReport {
  return { ...work, state: stateOf(work), progress: [...progress] }
}

/** Of another hub, or of one that ended; this one knows nothing of its progress. */
function reportOfRecorded({ starts: _, ...recorded }: RecordedTraining): TrainingReport {
  return { ...recorded, state: stateOf(recorded), progress: [] }
}

function stateOf({ startedAt, end }: Pick<Work, 'startedAt' | 'end'>): TrainingReport['state'] {
  if (end) return 'ended'
  return startedAt ? 'running' : 'waiting'
}
