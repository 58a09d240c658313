import type { Model } from '#shared/model.ts'

/** A stream is a property of a visitor's events; it needs no training and no file. */
export const anomalyModel: Model = { family: 'stream', from: 'event.value' }
