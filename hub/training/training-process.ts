import { endWithHub } from '../end-with-hub.ts'
import type { FromTraining, TrainingWork } from './train-in-process.ts'
import { trainModel } from './train-model.ts'

const hub = process.ppid
const say = (message: FromTraining) => process.send?.(message)

/** Counting keeps this process from hearing that its hub is gone, so it looks for itself. */
function report(line: string): void {
  if (process.ppid !== hub) process.exit(1)
  say({ line })
}

/** One training a process: counting and judging for minutes holds up nobody, and its memory goes back whole. */
process.once('message', async ({ sessions, options }: TrainingWork) => {
  try {
    say({ trained: await trainModel(sessions, { ...options, report }) })
  } catch (cause) {
    say({ failed: cause instanceof Error ? cause.message : String(cause) })
  }
})
endWithHub()
