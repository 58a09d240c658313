import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { Config } from './config.ts'
import { hubGauges } from './gauges.ts'

/** What decides which series are there before anything happened, so that a first time is an increase. */
type Measured = Pick<Config, 'siteIds' | 'popUrls' | 'retrainMs'> & { readonly startedAtMs: number }

const insertBuckets = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const trainingBuckets = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600]

/** What the hub counts, in one place; served as `/metrics`. No label ever comes from an event. */
export function hubMetrics(measured: Measured) {
  const registry = new Registry()
  const metrics = { registry, ...counters(registry), ...hubGauges(registry) }
  metrics.trainingInterval.set(measured.retrainMs / 1_000)
  for (const site of measured.siteIds) {
    metrics.lastTraining.set({ site }, measured.startedAtMs / 1_000)
  }
  for (const outcome of ['published', 'unchanged', 'too_little', 'refused', 'failed']) {
    metrics.trainings.inc({ outcome }, 0)
  }
  for (const outcome of ['learned', 'too_little', 'not_better', 'failed']) {
    metrics.learnedModels.inc({ outcome }, 0)
  }
  for (const outcome of ['granted', 'budget_spent', 'unknown_budget']) {
    metrics.leases.inc({ outcome }, 0)
  }
  for (const pop of measured.popUrls.map(popLabel)) {
    for (const outcome of ['live', 'canary', 'standby', 'failed']) {
      metrics.pushes.inc({ outcome, pop }, 0)
    }
  }
  collectDefaultMetrics({ register: registry })
  return metrics
}
export type HubMetrics = ReturnType<typeof hubMetrics>

/** How the address of a POP is written in labels. */
export function popLabel(popUrl: string): string {
  return new URL(popUrl).host
}

/** Runs a piece of work and observes how long it took, whether it succeeded or not. */
export async function timed<Result>(
  seconds: Histogram,
  labels: Record<string, string>,
  work: () => Promise<Result>,
): Promise<Result> {
  const observe = seconds.startTimer(labels)
  try {
    return await work()
  } finally {
    observe()
  }
}

function counters(registry: Registry) {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers })
  return {
    batchesAccepted: counter('shelfedge_batches_accepted_total', 'Batches written to the log.'),
    batchesDuplicate: counter(
      'shelfedge_batches_duplicate_total',
      'Batches recognised by their identity and not written again.',
    ),
    recordsReceived: counter(
      'shelfedge_records_received_total',
      'Records of acknowledged deliveries, by kind; those of repeated batches too.',
      ['kind'],
    ),
    requestsRefused: counter('shelfedge_requests_refused_total', 'Requests refused, by code.', [
      'code',
    ]),
    rowsStored: counter('shelfedge_rows_stored_total', 'Rows handed to the store, by table.', [
      'table',
    ]),
    storeRetries: counter('shelfedge_store_retries_total', 'Chunks that had to be stored again.'),
    insertSeconds: new Histogram({
      name: 'shelfedge_insert_duration_seconds',
      help: 'How long inserts took, by table; those that failed too.',
      labelNames: ['table'],
      buckets: insertBuckets,
      registers,
    }),
    trainings: counter('shelfedge_trainings_total', 'Trainings, by outcome.', ['outcome']),
    trainingSeconds: new Histogram({
      name: 'shelfedge_training_duration_seconds',
      help: 'How long trainings took, by outcome.',
      labelNames: ['outcome'],
      buckets: trainingBuckets,
      registers,
    }),
    pushes: counter(
      'shelfedge_release_pushes_total',
      'Pushes of a release by POP, and by what it is there; failed where the POP could not be asked, too.',
      ['outcome', 'pop'],
    ),
    scrapeFailures: counter(
      'shelfedge_scrape_failures_total',
      'What could not be measured for a scrape, by what was asked.',
      ['of'],
    ),
    deadLetters: counter('shelfedge_dead_letters_total', 'Dead letters made, by reason.', [
      'reason',
    ]),
    deadLetterReplays: counter(
      'shelfedge_dead_letter_replays_total',
      'Dead letters replayed, by outcome.',
      ['outcome'],
    ),
    learnedModels: counter(
      'shelfedge_learned_models_total',
      'Models that a policy has learned, by how the learning ended.',
      ['outcome'],
    ),
    leases: counter(
      'shelfedge_offer_leases_total',
      'Parts of budgets that POPs asked for, by outcome.',
      ['outcome'],
    ),
    profiles: counter('shelfedge_profiles_told_total', 'Profiles of visitors told to POPs.'),
    issuesGranted: counter(
      'shelfedge_offer_issues_granted_total',
      'Issues of offers granted to POPs; what goes back is granted again.',
    ),
    webhooks: counter(
      'shelfedge_webhooks_total',
      'Attempts to deliver webhooks, by endpoint and outcome; no_room where the queue was full.',
      ['endpoint', 'outcome'],
    ),
    deadLettersDiscarded: counter(
      'shelfedge_dead_letters_discarded_total',
      'Dead letters discarded.',
    ),
  }
}
