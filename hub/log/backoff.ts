/** Waiting that can be cut short, and trying again for as long as it takes. */

import { setTimeout as sleep } from 'node:timers/promises'

/** First wait and longest wait between attempts; each wait is twice the one before. */
export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
}

/** How long to wait after the nth failed attempt, counted from 1. */
export function backoffMs(attempt: number, { firstMs, longestMs }: Backoff): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 30))
}

/** Waits, or returns early when the signal aborts; never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/**
 * Runs, once at least, until it succeeds (true) or the signal aborts between attempts (false).
 *
 * Not p-retry: that gives up on a TypeError, and a bug in a handler must hold its partition, not lose a chunk.
 */
export async function retryUntil(
  signal: AbortSignal,
  backoff: Backoff,
  run: () => Promise<void>,
  onRetry: (error: unknown, attempt: number) => void,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run()
      return true
    } catch (error) {
      onRetry(error, attempt)
      if (!signal.aborted) await pause(backoffMs(attempt, backoff), signal)
      if (signal.aborted) return false
    }
  }
}
