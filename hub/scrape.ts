import type { Gauge } from 'prom-client'
import { countWaiting } from './dead-letters/letter-box.ts'
import type { Environment } from './environment.ts'
import { recordsTopic, storeGroup } from './log/topics.ts'
import { peakMemory } from './peak-memory.ts'

/** Prometheus gives up after ten seconds: what does not answer by then must not take the rest with it. */
const measureTimeMaxMs = 3_000

const sources = {
  lag: measureLag,
  log_size: measureLogSize,
  store: measureStore,
  dead_letters: measureDeadLetters,
} as const
type Source = keyof typeof sources

/** The text of `/metrics`: what was counted, and what is measured when somebody asks. */
export class Scrape {
  readonly #environment: Environment
  readonly #running = new Map<Source, Promise<void>>()

  constructor(environment: Environment) {
    this.#environment = environment
    for (const of of Object.keys(sources)) environment.metrics.scrapeFailures.inc({ of }, 0)
  }

  /** Never rejects for a log or store that is away: that is counted, and the rest is served. */
  async text(): Promise<string> {
    const { metrics } = this.#environment
    await Promise.all((Object.keys(sources) as Source[]).map((source) => this.#measure(source)))
    setPopOutboxes(this.#environment)
    setWebhooks(this.#environment)
    return metrics.registry.metrics()
  }

  async #measure(source: Source): Promise<void> {
    const { metrics, logger } = this.#environment
    try {
      await withinTime(this.#ask(source))
    } catch (cause) {
      metrics.scrapeFailures.inc({ of: source })
      logger.warn({ of: source, reason: String(cause) }, 'something could not be measured')
      // A lag that is no longer true is worse than none; letters wait on while the store is away.
      if (source !== 'lag') return
      metrics.lagMessages.reset()
      metrics.oldestSeconds.reset()
    }
  }

  /** One question at a time, however many scrapes wait for its answer. */
  #ask(source: Source): Promise<void> {
    const running = this.#running.get(source)
    if (running) return running
    const asked = sources[source](this.#environment).finally(() => this.#running.delete(source))
    this.#running.set(source, asked)
    return asked
  }
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => refuse(new Error('no answer in time')), measureTimeMaxMs)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

async function measureLag({ log, metrics, now }: Environment): Promise<void> {
  for (const { partition, messages, oldestAppendedAtMs } of await log.lag(
    recordsTopic,
    storeGroup,
  )) {
    metrics.lagMessages.set({ partition }, messages)
    const ageMs = oldestAppendedAtMs === null ? 0 : now() - oldestAppendedAtMs
    metrics.oldestSeconds.set({ partition }, ageMs / 1_000)
  }
}

async function measureLogSize({ log, metrics }: Environment): Promise<void> {
  const size = await log.size()
  setOrLeaveOut(metrics.logBytes, size?.bytes)
  setOrLeaveOut(metrics.logBytesMax, size?.bytesMax)
}

async function measureStore({ store, metrics }: Environment): Promise<void> {
  const { store: peakMb } = await peakMemory(store)
  setOrLeaveOut(metrics.storePeakBytes, peakMb === null ? undefined : peakMb * 1024 ** 2)
}

async function measureDeadLetters({ store, metrics }: Environment): Promise<void> {
  const waiting = await countWaiting(store)
  metrics.deadLettersWaiting.reset()
  for (const { reason, letters } of waiting) metrics.deadLettersWaiting.set({ reason }, letters)
}

/** An unknown figure is not 0: the line is left out. */
function setOrLeaveOut(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(value)
}

function setPopOutboxes({ popOutboxes, metrics, now }: Environment): void {
  const { popBatches, popBatchesMax, popBytesMax, popOldestSeconds, popLastDelivery } = metrics
  for (const gauge of [popBatches, popBatchesMax, popBytesMax, popOldestSeconds, popLastDelivery]) {
    gauge.reset()
  }
  for (const { pop, lastDeliveryAtMs, reported } of popOutboxes.all(now())) {
    popLastDelivery.set({ pop }, lastDeliveryAtMs / 1_000)
    if (reported === null) continue
    popBatches.set({ pop }, reported.batches)
    popBatchesMax.set({ pop }, reported.batchesMax)
    popBytesMax.set({ pop }, reported.bytesMax)
    popOldestSeconds.set({ pop }, reported.oldestAgeMsMax / 1_000)
  }
}

function setWebhooks({ webhooks, metrics }: Environment): void {
  for (const { name: endpoint, waiting, dead } of webhooks.list()) {
    metrics.webhooksWaiting.set({ endpoint }, waiting)
    metrics.webhooksDead.set({ endpoint }, dead)
  }
}
