import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadWork } from './train-in-thread.ts'
import { trainModel } from './train-model.ts'

// A thread of its own: counting and judging for seconds must not hold up ingest.
const { sessions, options } = workerData as ThreadWork
parentPort?.postMessage(await trainModel(sessions, options))
