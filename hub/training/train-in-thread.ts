import { Worker } from 'node:worker_threads'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import type { TrainedModel } from './train-model.ts'

/** What a training may take beside the hub: a thread past either bound is ended and the training has failed. */
const heapMbMax = 1_500
const timeMaxMs = 10 * 60_000

export interface ThreadWork {
  readonly sessions: TrainingSessions
  readonly options: { readonly modelBytesMax: number }
}

/** Trains in a thread of its own. Throws what the training threw, or that it took too long. */
export function trainInThread(
  sessions: TrainingSessions,
  options: ThreadWork['options'],
): Promise<TrainedModel> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: { sessions, options } satisfies ThreadWork,
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the training took longer than ${timeMaxMs / 1_000} s`))
      void thread.terminate()
    }, timeMaxMs)
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the training ended without a model (code ${code})`))
    })
  })
}
