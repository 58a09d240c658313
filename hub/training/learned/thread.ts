import { parentPort, workerData } from 'node:worker_threads'
import { checkTabularModel } from './check-tabular-model.ts'
import type { FromThread, ThreadData, ToThread } from './learn-in-thread.ts'
import { RowGatherer } from './learn-rows.ts'
import { trainRows } from './train-rows.ts'
import { trainSegmentRows } from './train-segments.ts'

// A thread of its own: replaying and training for seconds must not hold up ingest.
const { asking, live } = workerData as ThreadData
const gatherer = new RowGatherer(asking)
const answer = (message: FromThread) => parentPort?.postMessage(message)

parentPort?.on('message', async (message: ToThread) => {
  if (message.page !== null) {
    gatherer.take(message.page)
    return answer({ trained: null })
  }
  const rows = gatherer.sample.inOrder()
  const { learning } = asking
  const trained =
    learning.learns === 'segments' ? trainSegmentRows(rows, learning, live) : trainRows(rows)
  if (trained.bytes !== null) await checkTabularModel(trained.bytes, rows)
  const figures = { ...trained.figures, rowsGiven: gatherer.sample.given }
  answer({ trained: { ...trained, figures } })
  parentPort?.close()
})
