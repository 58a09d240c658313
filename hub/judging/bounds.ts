import { limits } from '#shared/limits.ts'

/** What one model may be, and what its examination may take of this machine. */
export const examinationBounds = {
  /** A release holds the model and has the same bound at the POP. */
  modelBytesMax: limits.releaseBytesMax,
  /** A graph of ours has 150 nodes, an unrolled network a few thousand. */
  nodesMax: 20_000,
  tensorsMax: 20_000,
  /** What one node may make of constants alone; the largest weight that fits into a release has fewer. */
  constantElementsMax: 4_000_000,
  /** Linear memory of the runtime with the model in it: two of these stay inside an isolate's 128 MB. */
  linearMemoryMbMax: 64,
  /** Heap of V8 beside it: the file, its parsed graph, the outputs. */
  heapMbMax: 256,
  /** The whole of it, the start of the process included. */
  timeMsMax: 15_000,
  /** The predictions for at most 500 sessions of the store, by one model. */
  predictTimeMsMax: 60_000,
  /** The fastest of the golden runs, on one thread: a POP has a whole answer to give in this time. */
  inferenceMsMax: 25,
} as const
