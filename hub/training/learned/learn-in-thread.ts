import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { learningBounds } from './bounds.ts'
import type { Asking } from './learn-rows.ts'
import type { StoredEvent } from './replay-history.ts'
import type { TrainedRows } from './train-rows.ts'
import type { LiveSegments } from './train-segments.ts'

/** A page of visitors, each whole; null: that was the last. */
export interface ToThread {
  readonly page: readonly StoredEvent[] | null
}

/** What the thread is started with. */
export interface ThreadData {
  readonly asking: Asking
  /** Of segments those that are live under this name. */
  readonly live: LiveSegments | null
}

/** Null: send the next page. */
export interface FromThread {
  readonly trained: TrainedRows | null
}

/**
 * Learns in a thread of its own, which has one page at a time. Throws what the reading or the learning threw, or that
 * the thread went past one of its bounds.
 */
export async function learnInThread(
  data: ThreadData,
  pages: AsyncIterable<readonly StoredEvent[]>,
): Promise<TrainedRows> {
  const { heapMbMax, timeMsMax } = learningBounds
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  })
  const bound = AbortSignal.timeout(timeMsMax)
  const ask = async (message: ToThread): Promise<FromThread> => {
    thread.postMessage(message)
    // An error of the thread rejects it.
    const [answer] = await once(thread, 'message', { signal: bound })
    return answer as FromThread
  }
  try {
    for await (const page of pages) await ask({ page })
    return (await ask({ page: null })).trained as TrainedRows
  } catch (cause) {
    if (!bound.aborted) throw cause
    throw new Error(`it took longer than ${timeMsMax / 1_000} s`)
  } finally {
    await thread.terminate()
  }
}
