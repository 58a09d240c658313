import { checkTabularModel } from './check-tabular-model.ts'
import type { FromLearning, ToLearn, ToLearning } from './learn-in-process.ts'
import { RowGatherer } from './learn-rows.ts'
import { type TrainedRows, trainRows } from './train-rows.ts'
import { trainSegmentRows } from './train-segments.ts'

let learner: { readonly toLearn: ToLearn; readonly gatherer: RowGatherer } | undefined

/** One model a process: replaying and training for a minute holds up nobody, and its memory goes back whole. */
process.on('message', async (message: ToLearning) => {
  try {
    process.send?.(await answer(message))
  } catch (cause) {
    const failed = cause instanceof Error ? cause.message : String(cause)
    process.send?.({ failed } satisfies FromLearning)
  }
})
process.once('disconnect', () => process.exit(1))

async function answer(message: ToLearning): Promise<FromLearning> {
  if ('asking' in message) {
    learner = { toLearn: message, gatherer: new RowGatherer(message.asking) }
  } else if (message.page) learner?.gatherer.take(message.page)
  else if (learner) return { trained: await train(learner.toLearn, learner.gatherer) }
  return { taken: true }
}

async function train({ asking, live }: ToLearn, { sample }: RowGatherer): Promise<TrainedRows> {
  const { learning } = asking
  const rows = sample.inOrder()
  const trained =
    learning.learns === 'segments' ? trainSegmentRows(rows, learning, live) : trainRows(rows)
  if (trained.bytes !== null) await checkTabularModel(trained.bytes, rows)
  return { ...trained, figures: { ...trained.figures, rowsGiven: sample.given } }
}
