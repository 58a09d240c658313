import { once } from 'node:events'
import { forkAside } from '../fork-aside.ts'
import { learningBounds } from './bounds.ts'
import type { Asking } from './learn-rows.ts'
import type { DemandAsking, StoredPrices } from './priced-rows.ts'
import type { StoredReading } from './read-streams.ts'
import type { StoredEvent } from './replay-history.ts'
import type { TrainedRows } from './train-rows.ts'
import type { LiveSegments } from './train-segments.ts'

const program = new URL('./learning-process.ts', import.meta.url)

/** What is to be learned from rows. */
export interface RowsToLearn {
  readonly asking: Asking
  /** Of segments those that are live under this name. */
  readonly live: LiveSegments | null
}

/** What is to be learned from prices. */
export interface PricesToLearn {
  readonly learns: 'demand'
  readonly asking: DemandAsking
}

/** What is to be learned, and pages of what from: visitors or streams, each whole. */
export type ToLearn =
  | (RowsToLearn & { readonly pages: AsyncIterable<readonly StoredEvent[]> })
  | { readonly learns: 'stream'; readonly pages: AsyncIterable<readonly StoredReading[]> }
  | (PricesToLearn & { readonly pages: AsyncIterable<StoredPrices> })

/** What is to be learned; then pages; a page of null: that was the last. */
export type ToLearning =
  | RowsToLearn
  | PricesToLearn
  | { readonly learns: 'stream' }
  | { readonly page: readonly StoredEvent[] | readonly StoredReading[] | StoredPrices | null }

export type FromLearning =
  | { readonly taken: true }
  | { readonly trained: TrainedRows }
  | { readonly failed: string }

/**
 * Learns in a process of its own, which has one page at a time. Throws what the reading or the learning threw, or how
 * the process ended.
 */
export async function learnInProcess({ pages, ...toLearn }: ToLearn): Promise<TrainedRows> {
  const { heapMbMax, timeMsMax } = learningBounds
  const child = forkAside(program, heapMbMax)
  const ended = new AbortController()
  const end = (reason: string) => ended.abort(new Error(reason))
  child.once('error', (cause) => ended.abort(cause))
  child.once('exit', (code, signal) =>
    end(`the process that learned was ended by ${signal ?? `code ${code}`}`),
  )
  const timer = setTimeout(() => end(`it took longer than ${timeMsMax / 1_000} s`), timeMsMax)
  const ask = async (message: ToLearning): Promise<FromLearning> => {
    child.send(message, (cause) => cause && ended.abort(cause))
    const [answer] = (await once(child, 'message', { signal: ended.signal })) as [FromLearning]
    if ('failed' in answer) throw new Error(answer.failed)
    return answer
  }
  try {
    await ask(toLearn)
    for await (const page of pages) await ask({ page })
    return ((await ask({ page: null })) as { readonly trained: TrainedRows }).trained
  } catch (cause) {
    throw ended.signal.aborted ? ended.signal.reason : cause
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
}
