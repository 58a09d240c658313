import { parentPort, workerData } from 'node:worker_threads'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import { trainModel } from './train-model.ts'

// A thread of its own: counting and judging for seconds must not hold up ingest.
parentPort?.postMessage(await trainModel(workerData as TrainingSessions))
