import type { RecordBatch } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { batchText } from './batch-text.ts'
import type { CoreStorage } from './core.ts'
import type { RecordsText } from './split-records.ts'

/** Batches to forward, oldest first, and the position up to which an acknowledgement deletes. */
export interface OutboxSlice {
  readonly upTo: number
  /** JSON texts of `RecordBatch`. */
  readonly batches: readonly string[]
}

export interface Backlog {
  readonly batches: number
  readonly bytes: number
}

/**
 * What an object holds for the hub: batches in the order in which they were made, until the hub acknowledges
 * them, and those it refused for what they hold, set aside with the reason.
 */
export class Outbox {
  readonly #storage: CoreStorage
  readonly #bytesMax: number
  #backlog: Backlog
  /** Never given out twice while an acknowledgement may be on its way, though rows are erased meanwhile. */
  #lastPosition: number

  constructor(storage: CoreStorage, bytesMax: number) {
    this.#storage = storage
    this.#bytesMax = bytesMax
    this.#backlog = this.#count()
    this.#lastPosition = this.#number('SELECT max(position) AS number FROM outbox')
  }

  get backlog(): Backlog {
    return this.#backlog
  }

  get isFull(): boolean {
    return this.#backlog.bytes >= this.#bytesMax
  }

  /** Inside the transaction of what it tells of. */
  append(identity: Omit<RecordBatch, 'records'>, { json, bytes }: RecordsText): void {
    this.#storage.sql.exec(
      'INSERT INTO outbox (position, batch, bytes) VALUES (?, ?, ?)',
      ++this.#lastPosition,
      batchText(identity, json),
      bytes,
    )
    this.#backlog = {
      batches: this.#backlog.batches + 1,
      bytes: this.#backlog.bytes + bytes,
    }
  }

  /** The oldest batches that fit one delivery; null where the outbox is empty. */
  nextSlice(batchesMax: number = limits.deliveryBatchesMax): OutboxSlice | null {
    const sizes = this.#storage.sql
      .exec<{ position: number; bytes: number }>(
        'SELECT position, bytes FROM outbox ORDER BY position LIMIT ?',
        batchesMax,
      )
      .toArray()
    let bytes = 0
    const fitting = sizes.filter((row, index) => {
      bytes += row.bytes
      return index === 0 || bytes <= limits.deliveryBytesMax
    })
    const last = fitting.at(-1)
    if (!last) return null
    const rows = this.#storage.sql
      .exec<{ batch: string }>(
        'SELECT batch FROM outbox WHERE position <= ? ORDER BY position',
        last.position,
      )
      .toArray()
    return { upTo: last.position, batches: rows.map((row) => row.batch) }
  }

  /** Deletes what the hub has acknowledged. */
  acknowledge(slice: OutboxSlice): void {
    const acknowledged = this.#count(slice.upTo)
    this.#storage.sql.exec('DELETE FROM outbox WHERE position <= ?', slice.upTo)
    this.#backlog = {
      batches: this.#backlog.batches - acknowledged.batches,
      bytes: this.#backlog.bytes - acknowledged.bytes,
    }
  }

  /**
   * Takes out of the way what the hub refuses for what it holds, and keeps it with the reason. False where it
   * has no room for more: what was acknowledged is never dropped.
   */
  setAside(slice: OutboxSlice, reason: string): boolean {
    const kept = this.#number('SELECT count(*) AS number FROM set_aside')
    if (kept + slice.batches.length > limits.setAsideBatchesMax) return false
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec(
        'INSERT INTO set_aside (batch, reason) SELECT batch, ? FROM outbox WHERE position <= ?',
        reason,
        slice.upTo,
      )
      this.acknowledge(slice)
    })
    return true
  }

  hasSetAside(): boolean {
    return this.#number('SELECT count(*) AS number FROM (SELECT 1 FROM set_aside LIMIT 1)') > 0
  }

  /** Puts the oldest of what was set aside behind the outbox, to be sent again. */
  retrySetAside(): void {
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      const oldest = sql
        .exec<{ position: number }>(
          'SELECT position FROM set_aside ORDER BY position LIMIT ?',
          limits.setAsideRetryBatchesMax,
        )
        .toArray()
      for (const { position } of oldest) {
        sql.exec(
          `INSERT INTO outbox (position, batch, bytes)
           SELECT ?, batch, length(CAST(batch AS BLOB)) FROM set_aside WHERE position = ?`,
          ++this.#lastPosition,
          position,
        )
        sql.exec('DELETE FROM set_aside WHERE position = ?', position)
      }
    })
    this.recount()
  }

  /** After rows were taken back by a transaction, or erased. */
  recount(): void {
    this.#backlog = this.#count()
  }

  #number(query: string): number {
    const [row] = this.#storage.sql.exec<{ number: number | null }>(query).toArray()
    return row?.number ?? 0
  }

  #count(upTo = Number.MAX_SAFE_INTEGER): Backlog {
    const [row] = this.#storage.sql
      .exec<{ batches: number; bytes: number }>(
        `SELECT count(*) AS batches, coalesce(sum(bytes), 0) AS bytes FROM outbox
         WHERE position <= ?`,
        upTo,
      )
      .toArray()
    return row ?? { batches: 0, bytes: 0 }
  }
}
