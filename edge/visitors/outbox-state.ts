import type { OutboxReport } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import type { CoreStorage } from './core.ts'
import type { Backlog } from './outbox.ts'

/** What an object holds for the hub, as operators see it. */
export interface OutboxState extends Backlog {
  /** When the POP took the oldest event that the hub has not acknowledged; null where none waits. */
  readonly oldestAtMs: number | null
  readonly setAsideBatches: number
}

// A batch says when its request came in each of its records: no column has to be written for it.
const oldestQuery = `
  SELECT coalesce(json_extract(batch, '$.records[0].receivedAt'),
                  json_extract(batch, '$.records[0].at')) AS at
  FROM outbox ORDER BY position LIMIT 1`

/** Reads the state of an outbox; two rows, however much waits. */
export function readOutbox({ sql }: CoreStorage, backlog: Backlog): OutboxState {
  const [oldest] = sql.exec<{ at: number | null }>(oldestQuery).toArray()
  const [aside] = sql
    .exec<{ total: number }>(
      'SELECT count(*) AS total FROM (SELECT 1 FROM set_aside LIMIT ?)',
      limits.setAsideBatchesMax,
    )
    .toArray()
  return { ...backlog, oldestAtMs: oldest?.at ?? null, setAsideBatches: aside?.total ?? 0 }
}

/** What a delivery tells the hub of the outbox it comes from. */
export function reportOf(state: OutboxState, nowMs: number): OutboxReport {
  const { batches, bytes, oldestAtMs } = state
  return { batches, bytes, oldestAgeMs: Math.max(0, nowMs - (oldestAtMs ?? nowMs)) }
}
