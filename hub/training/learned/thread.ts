import { parentPort, workerData } from 'node:worker_threads'
import { checkTabularModel } from './check-tabular-model.ts'
import type { FromThread, ToThread } from './learn-in-thread.ts'
import { type Asking, RowGatherer } from './learn-rows.ts'
import { trainRows } from './train-rows.ts'

// A thread of its own: replaying and training for seconds must not hold up ingest.
const gatherer = new RowGatherer(workerData as Asking)
const answer = (message: FromThread) => parentPort?.postMessage(message)

parentPort?.on('message', async (message: ToThread) => {
  if (message.page !== null) {
    gatherer.take(message.page)
    return answer({ trained: null })
  }
  const rows = gatherer.sample.inOrder()
  const trained = trainRows(rows)
  if (trained.model !== null && trained.bytes !== null) {
    await checkTabularModel(trained.bytes, trained.model, rows)
  }
  const figures = { ...trained.figures, rowsGiven: gatherer.sample.given }
  answer({ trained: { ...trained, figures } })
  parentPort?.close()
})
