import { endWithHub } from '../../end-with-hub.ts'
import { checkTabularModel } from './check-tabular-model.ts'
import type { FromLearning, RowsToLearn, ToLearning } from './learn-in-process.ts'
import { RowGatherer } from './learn-rows.ts'
import type { StoredEvent } from './replay-history.ts'
import { DemandLearner } from './train-demand.ts'
import { type TrainedRows, trainRows } from './train-rows.ts'
import { trainSegmentRows } from './train-segments.ts'
import { StreamLearner } from './train-stream.ts'

interface Learner<Page> {
  take(page: Page): void
  train(): Promise<TrainedRows>
}

/** The hub sends it pages of what it learns from. */
let learner: Learner<never> | undefined

/** One model a process: replaying and training for a minute holds up nobody, and its memory goes back whole. */
process.on('message', async (message: ToLearning) => {
  try {
    process.send?.(await answer(message))
  } catch (cause) {
    const failed = cause instanceof Error ? cause.message : String(cause)
    process.send?.({ failed } satisfies FromLearning)
  }
})
endWithHub()

async function answer(message: ToLearning): Promise<FromLearning> {
  if ('learns' in message) learner = pageLearner(message)
  else if ('asking' in message) learner = rowLearner(message)
  else if (message.page) learner?.take(message.page as never)
  else if (learner) return { trained: await learner.train() }
  return { taken: true }
}

function pageLearner(message: Extract<ToLearning, { readonly learns: string }>) {
  return message.learns === 'demand' ? new DemandLearner(message.asking) : new StreamLearner()
}

function rowLearner({ asking, live }: RowsToLearn): Learner<readonly StoredEvent[]> {
  const { learning } = asking
  const gatherer = new RowGatherer(asking)
  return {
    take: (page) => gatherer.take(page),
    train: async () => {
      const { sample } = gatherer
      const rows = sample.inOrder()
      const trained =
        learning.learns === 'segments' ? trainSegmentRows(rows, learning, live) : trainRows(rows)
      if (trained.bytes !== null) await checkTabularModel(trained.bytes, rows)
      return { ...trained, figures: { ...trained.figures, rowsGiven: sample.given } }
    },
  }
}
