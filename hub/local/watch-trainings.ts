import { setTimeout as wait } from 'node:timers/promises'
import type { TrainingEnd } from '../registry/registry.ts'

/** Of a training as the hub reports it, what is read here. */
interface Reported {
  readonly at: string
  readonly end: Pick<TrainingEnd, 'outcome' | 'reason'> | null
}

export interface WatchOptions {
  /** Trainings of the site, newest first. */
  readonly list: () => Promise<readonly Reported[]>
  /** Told why a training that was ordered since came to no release; of a reason that stays, once. */
  readonly onRefused: (reason: string) => void
  /** Epoch ms. */
  readonly sinceMs: number
  readonly everyMs: number
  readonly signal: AbortSignal
}

/** Watches what becomes of a site's trainings until `signal` aborts. A hub that does not answer is somebody else's to tell. */
export async function watchTrainings(options: WatchOptions): Promise<void> {
  const { list, onRefused, sinceMs, everyMs, signal } = options
  let told: string | null = null
  while (!signal.aborted) {
    const trainings = await list().catch(() => [])
    const newest = trainings.find(({ at, end }) => end !== null && Date.parse(at) >= sinceMs)
    const refused = reasonOf(newest)
    if (refused !== null && refused !== told) onRefused(refused)
    // A training between two refusals may be under way: only one that ended well makes the same reason news.
    if (newest) told = refused
    await wait(everyMs, null, { signal }).catch(() => {})
  }
}

function reasonOf(training: Reported | undefined): string | null {
  const { outcome, reason } = training?.end ?? {}
  return outcome === 'refused' || outcome === 'failed' ? (reason ?? '') : null
}
