import { type CoreStorage, type VisitorRequest, VisitorsCore } from '#edge/visitors/core.ts'
import type { RecordBatch } from '#shared/contract.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { baseMs } from './events.ts'

export function noAlarm(): void {}

export function coreOn(
  storage: CoreStorage,
  outboxBytesMax = 1e9,
  startedAtMs = baseMs,
): VisitorsCore {
  return new VisitorsCore(storage, { outboxBytesMax, startedAtMs })
}

export function requestOf(
  events: readonly ShelfEvent[],
  changes: Partial<VisitorRequest> = {},
): VisitorRequest {
  return {
    site: 'demo',
    visitor: 'a:1',
    receivedAt: baseMs,
    sessionIdleMsMax: limits.sessionIdleMsDefault,
    events,
    records: [],
    ...changes,
  }
}

/** What waits in the outbox and fits one delivery. */
export function batchesOf(core: VisitorsCore): RecordBatch[] {
  return (core.outbox.nextSlice()?.batches ?? []).map((batch) => JSON.parse(batch))
}
