import type { TrainingSessions } from '#models/session-knn/train.ts'
import { forkAside } from './fork-aside.ts'
import type { TrainedModel } from './train-model.ts'

/** What a training may take beside the hub: a process past either bound is ended and the training has failed. */
const heapMbMax = 1_500
const timeMaxMs = 20 * 60_000
const program = new URL('./training-process.ts', import.meta.url)

export interface TrainingWork {
  readonly sessions: TrainingSessions
  readonly options: { readonly modelBytesMax: number }
}

/** What the process says. */
export type FromTraining =
  | { readonly line: string }
  | { readonly trained: TrainedModel }
  | { readonly failed: string }

type Report = (line: string) => void

/** A process that somebody else ended, as the kernel does where memory is short. */
class Killed extends Error {
  override readonly name = 'Killed'
}

/**
 * Trains in a process of its own, which has no setting or secret of the hub and stands back where others need the
 * processor. One that is killed is begun anew, once. Throws what the training threw, or how it ended.
 */
export async function trainInProcess(
  sessions: TrainingSessions,
  options: TrainingWork['options'],
  report: Report,
): Promise<TrainedModel> {
  try {
    return await trainOnce({ sessions, options }, report)
  } catch (cause) {
    if (!(cause instanceof Killed)) throw cause
    report(`${cause.message}: begun anew`)
    return await trainOnce({ sessions, options }, report)
  }
}

function trainOnce(work: TrainingWork, report: Report): Promise<TrainedModel> {
  const child = forkAside(program, heapMbMax)
  const ended = new Promise<TrainedModel>((resolve, reject) => {
    child.on('message', (message: FromTraining) => {
      if ('line' in message) report(message.line)
      else if ('trained' in message) resolve(message.trained)
      else reject(new Error(message.failed))
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      const how = `the process that trained was ended by ${signal ?? `code ${code}`}`
      reject(signal === 'SIGKILL' ? new Killed(how) : new Error(how))
    })
    child.send(work, (cause) => cause && reject(cause))
  })
  return within(timeMaxMs, ended).finally(() => child.kill('SIGKILL'))
}

async function within<Result>(timeMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the training took longer than ${timeMs / 1_000} s`))
    }, timeMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
