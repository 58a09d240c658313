/** The store port: every event, decision and refusal there ever was, in SQL of ClickHouse. */

/** Bounds of one query; what is left out has the default of `queryDefaults`. */
export interface QueryLimits {
  /** Rows of the answer; more is an error (`refused`), never a silent cut. */
  readonly rowsMax?: number
  /** Bytes of the answer, in the engine and as JSON; more is an error (`refused`) too. */
  readonly bytesMax?: number
  readonly timeMaxMs?: number
  /** Memory of the engine for this query; large groupings go to disk at half of it, past it is an error (`refused`). */
  readonly memoryMbMax?: number
  /** For SQL written by somebody else: refuses writes, DDL, system tables and anything outside the tables. */
  readonly readOnly?: boolean
}

export interface Store {
  /** Brings the tables up to date; answers the names of the migrations that were new. */
  migrate(): Promise<readonly string[]>
  /**
   * Inserts rows; the same token with the same rows inserts nothing more.
   *
   * Times are ISO 8601 strings, a column left out has its default, an unknown column is refused. A token names
   * its rows for ever: with other rows it drops them silently.
   */
  insert(
    table: string,
    rows: readonly Record<string, unknown>[],
    deduplicationToken: string,
  ): Promise<void>
  /**
   * Runs one statement; `{name:Type}` in it stands for `parameters.name`. Without an answer, `[]`.
   *
   * Times come back as ISO 8601 strings; 64-bit integers as numbers, so cast one beyond 2^53 to String.
   */
  query<Row>(
    sql: string,
    parameters?: Record<string, unknown>,
    limits?: QueryLimits,
  ): Promise<Row[]>
  ping(): Promise<void>
  close(): Promise<void>
}

/** Bounds of a query that states none: an answer has to fit in memory twice, and nobody waits longer. */
export const queryDefaults = {
  rowsMax: 100_000,
  bytesMax: 500_000_000,
  timeMaxMs: 30_000,
  memoryMbMax: 1_000,
  readOnly: false,
} as const

export type StoreErrorCode =
  | 'refused'
  | 'timeout'
  | 'unavailable'
  /** There is no room to write. */
  | 'full'
  /** What is stored cannot be read. */
  | 'damaged'
  | 'invalid_query'
  | 'closed'

/** A store that cannot do what it was asked; `retryable` says whether the same again later can help. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  readonly retryable: boolean

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
    this.code = code
    // Closed too: what a stopping hub did not store is no fault of the rows, and the next one stores them.
    this.retryable = code !== 'refused' && code !== 'invalid_query'
  }
}
