import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment } from './environment.ts'
import type { RecordedTraining, TrainingEnd } from './registry/registry.ts'
import { retrain } from './retrain.ts'
import { Rounds } from './rounds.ts'
import { claimSite, type HeldClaim } from './training/claim-site.ts'

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
/** How often a hub with nothing to train looks for orders that another hub has not come to, or died over. */
const lookMs = 10_000
/** How long a hub that stops waits for the training that runs: one that is nearly done need not be begun anew. */
const stopWaitMs = 3_000

/**
 * Trainings of all sites: one at a time in this hub, and of a site one at a time in all hubs that share the registry.
 * What somebody ordered is durable, and outlives the hub.
 */
export class Trainings {
  readonly #environment: Environment
  #works: Work[] = []
  readonly #orders = new Map<string, Promise<Work>>()
  readonly #ownWaiting = new Map<string, Promise<TrainingEnd>>()
  readonly #looks: Rounds
  #last: Promise<unknown> = Promise.resolve()
  #running: { readonly work: Work; readonly held: HeldClaim } | null = null
  #left: Work | null = null
  #isStopped = false

  constructor(environment: Environment) {
    this.#environment = environment
    this.#looks = new Rounds(() => this.#look(), lookMs)
  }

  /** Gives up the orders of sites that are not served any more, takes up what is open, and looks again and again. */
  async start(): Promise<void> {
    const { registry, config } = this.#environment
    for (const { number, site, by, at } of await registry.openTrainings(ordersMax)) {
      if (config.siteIds.includes(site)) continue
      const reason = 'the site is not served any more'
      await this.#end(this.#work(site, by, { number, at }), {
        ...nothing,
        outcome: 'failed',
        reason,
      })
    }
    await this.takeUp()
    this.#looks.start()
  }

  /** Takes an order, durable when this resolves; one of the site that waits already will do. */
  order(site: string, by: string): Promise<TrainingReport> {
    const waiting = this.#orders.get(site)
    const order = waiting ? this.#orElse(waiting, site, by) : this.#take(site, by)
    return order.then(reportOf)
  }

  /**
   * Trains after whatever is being trained, for nobody; one that waits already will do. It ends `elsewhere` where
   * another hub trains the site, or has begun a training later than `trainedBefore`. Never rejects.
   */
  runFor(site: string, by: string, trainedBefore: Date | null = null): Promise<TrainingEnd> {
    const waiting = this.#ownWaiting.get(site)
    if (waiting) return waiting
    const work = this.#work(site, by)
    const ended = this.#enqueue(work, trainedBefore, () => this.#ownWaiting.delete(site))
    this.#ownWaiting.set(site, ended)
    return ended
  }

  /** Takes up what is open and not here: of a hub that ended before it was done, or that is busy. */
  async takeUp(): Promise<void> {
    const { registry, config } = this.#environment
    for (const { number, site, by, at } of await registry.openTrainings(ordersMax)) {
      if (!config.siteIds.includes(site) || this.#works.some((work) => work.number === number)) {
        continue
      }
      const work = this.#work(site, by, { number, at })
      const known = Promise.resolve(work)
      if (!this.#orders.has(site)) this.#orders.set(site, known)
      void this.#enqueue(work, null, () => this.#waitsNoMore(site, known))
    }
  }

  /** Trainings of a site, the newest first: what waits and runs, and what was ordered or came to something. */
  async list(site: string, limit: number): Promise<TrainingReport[]> {
    const here = this.#works.filter((work) => work.site === site && isTold(work)).toReversed()
    const numbers = new Set(here.map(({ number }) => number))
    const recorded = await this.#environment.registry.trainings(site, limit)
    const others = recorded.filter(({ number }) => !numbers.has(number)).map(reportOfRecorded)
    return [...here.map(reportOf), ...others].slice(0, limit)
  }

  async find(site: string, number: number): Promise<TrainingReport | null> {
    const here = this.#works.find((work) => work.number === number && work.site === site)
    if (here && isTold(here)) return reportOf(here)
    const recorded = await this.#environment.registry.training(site, number)
    return recorded && reportOfRecorded(recorded)
  }

  /** Resolves when none runs or waits. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** Begins no more. What was ordered and is not done stays open: another hub takes it up, or the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#looks.stop()
    await Promise.race([this.#last, sleep(stopWaitMs, undefined, { ref: false })])
    if (this.#running === null) return
    const { work, held } = this.#running
    this.#left = work
    await this.#leave(work)
    await held.end(null)
  }

  async #leave({ number, site }: Work): Promise<void> {
    const { registry, now, logger } = this.#environment
    logger.info({ site, training: number }, 'a training is left for the next start')
    if (number === null) return
    const step = { training: number, at: new Date(now()), step: 'left', end: null } as const
    // Without it this start counts as one that took the hub along; the rest of the stop goes on.
    await registry.addTrainingStep(step).catch((cause: unknown) => {
      logger.warn({ site, reason: String(cause) }, 'what was left was not recorded')
    })
  }

  /** A hub that is busy leaves what is open to the others. */
  async #look(): Promise<void> {
    if (this.#isStopped || this.#works.some(({ end }) => end === null)) return
    await this.takeUp().catch((cause: unknown) => {
      this.#environment.logger.warn({ reason: String(cause) }, 'open trainings were not looked for')
    })
  }

  /** An order that waits, or another where some hub has begun it: that one may not have seen the newest events. */
  async #orElse(waiting: Promise<Work>, site: string, by: string): Promise<Work> {
    const work = await waiting
    if (work.number === null) return work
    const recorded = await this.#environment.registry.training(site, work.number)
    if (!recorded?.startedAt && !recorded?.end) return work
    this.#waitsNoMore(site, waiting)
    return this.#orders.get(site) ?? this.#take(site, by)
  }

  #waitsNoMore(site: string, order: Promise<Work>): void {
    if (this.#orders.get(site) === order) this.#orders.delete(site)
  }

  #take(site: string, by: string): Promise<Work> {
    const work = this.#work(site, by)
    const taken = this.#environment.registry
      .addTraining({ site, by, at: work.at })
      .then((number) => {
        work.number = number
        void this.#enqueue(work, null, () => this.#waitsNoMore(site, taken))
        return work
      })
    this.#orders.set(site, taken)
    taken.catch(() => {
      this.#waitsNoMore(site, taken)
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

  #enqueue(work: Work, trainedBefore: Date | null, onStart: () => void): Promise<TrainingEnd> {
    const ended = this.#last.then(() => {
      onStart()
      return this.#isStopped ? notBegun : this.#train(work, trainedBefore)
    })
    this.#last = ended
    return ended
  }

  /** Under a claim of the site, so that no other hub trains it meanwhile. */
  async #train(work: Work, trainedBefore: Date | null): Promise<TrainingEnd> {
    const { site, by } = work
    work.startedAt = new Date(this.#environment.now())
    let held: HeldClaim | null = null
    let end: TrainingEnd = elsewhere
    try {
      held = await claimSite(site, trainedBefore, this.#environment)
      if (held !== null && !this.#isStopped) {
        this.#running = { work, held }
        const report = (line: string) => this.#tell(work, line)
        const how = { report, claim: held.claim }
        end = (await this.#begin(work)) ?? (await retrain(site, by, this.#environment, how))
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      end = { ...nothing, outcome: 'failed', reason }
    }
    // What it was closed over is no end of its own.
    if (this.#left === work) return notBegun
    this.#running = null
    await this.#settle(work, end, held)
    return end
  }

  /** Records that an order is begun; answers its end where another hub has done it, or where it takes hubs along. */
  async #begin(work: Work): Promise<TrainingEnd | null> {
    const { registry, logger } = this.#environment
    const { number, site, startedAt } = work
    if (number === null || startedAt === null) return null
    const recorded = await registry.training(site, number)
    if (recorded?.end) return elsewhere
    const { starts = 0, startedAt: startedBefore = null } = recorded ?? {}
    if (starts >= startsMax) {
      const reason = `the hub ended ${starts} times in the middle of it`
      return { ...nothing, outcome: 'failed', reason }
    }
    if (startedBefore !== null) {
      const how = starts > 0 ? 'ended in the middle of it' : 'stopped before it was done'
      logger.info({ site, training: number, how }, 'a training is taken up')
      this.#tell(work, `the hub ${how}: begun anew`)
    }
    const step = { training: number, at: startedAt, step: 'started', end: null } as const
    await registry.addTrainingStep(step)
    return null
  }

  /** What another hub has done, or has taken over meanwhile, is for that one to record. */
  async #settle(work: Work, end: TrainingEnd, held: HeldClaim | null): Promise<void> {
    if (end.outcome === 'elsewhere') this.#forget(work)
    else if (held !== null && !(await held.isHeld().catch(() => true))) this.#forget(work)
    else {
      this.#count(work, end)
      await this.#end(work, end)
    }
    await held?.end(hadEnough.has(end.outcome) ? work.startedAt : null)
  }

  #count({ site, by, startedAt }: Work, end: TrainingEnd): void {
    const { metrics, logger, now } = this.#environment
    const { outcome } = end
    metrics.trainings.inc({ outcome })
    const seconds = (now() - (startedAt?.getTime() ?? now())) / 1_000
    metrics.trainingSeconds.observe({ outcome }, seconds)
    if (outcome === 'failed') {
      logger.error({ site, by, reason: end.reason }, 'training failed')
    } else {
      metrics.lastTraining.set({ site }, now() / 1_000)
      logger.info({ site, by, ...end }, `training: ${outcome}`)
    }
  }

  /** Records the end; where the registry is away an order stays open, for another hub or the next start. */
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

const elsewhere: TrainingEnd = {
  ...nothing,
  outcome: 'elsewhere',
  reason: 'another hub trains the site, or has done so lately',
}

/** What a site counts as trained after: no schedule trains it again before it is due. */
const hadEnough: ReadonlySet<string> = new Set(['published', 'unchanged', 'refused'])

/** An order that waits is told by the registry: another hub may have begun it. */
function isTold({ number, startedAt }: Work): boolean {
  return number === null || startedAt !== null
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
