/** What an error of the engine or of the way to it means for whoever asked. */

import { StoreError, type StoreErrorCode } from './store.ts'

// Names as the engine gives them (`system.errors`); what is not listed is the statement's own fault.
const refused = new Set([
  'READONLY',
  'ACCESS_DENIED',
  'AUTHENTICATION_FAILED',
  'REQUIRED_PASSWORD',
  'TOO_MANY_ROWS',
  'TOO_MANY_BYTES',
  'TOO_MANY_ROWS_OR_BYTES',
])
const timeout = new Set(['TIMEOUT_EXCEEDED', 'SOCKET_TIMEOUT', 'TOO_SLOW'])
const full = new Set(['CANNOT_WRITE_TO_FILE_DESCRIPTOR', 'NOT_ENOUGH_SPACE'])
/** Of what is stored, where the engine says from which part it read; of a value in a statement it says the same. */
const damaged = new Set([
  'CANNOT_READ_ALL_DATA',
  'CHECKSUM_DOESNT_MATCH',
  'CORRUPTED_DATA',
  'NO_FILE_IN_DATA_PART',
])
const unavailable = new Set([
  'ALL_CONNECTION_TRIES_FAILED',
  'ABORTED',
  'CANNOT_ALLOCATE_MEMORY',
  'CANNOT_CLOSE_FILE',
  'CANNOT_CREATE_DIRECTORY',
  'CANNOT_FSYNC',
  'CANNOT_OPEN_FILE',
  'CANNOT_READ_FROM_FILE_DESCRIPTOR',
  'CANNOT_SCHEDULE_TASK',
  'KEEPER_EXCEPTION',
  'MEMORY_LIMIT_EXCEEDED',
  'NETWORK_ERROR',
  'NO_FREE_CONNECTION',
  'NO_ZOOKEEPER',
  'QUERY_WAS_CANCELLED',
  'TABLE_IS_READ_ONLY',
  'TOO_FEW_LIVE_REPLICAS',
  'TOO_MANY_PARTS',
  'TOO_MANY_SIMULTANEOUS_QUERIES',
  'UNKNOWN_STATUS_OF_INSERT',
  'UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE',
])

/** The error as the port throws it; one that is a StoreError already stays itself. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const message = error instanceof Error ? error.message : String(error)
  const type = engineType(error, message)
  // Only this query asked for too much; where the whole engine is short of memory, asking again can help.
  if (message.includes('Query memory limit exceeded')) {
    return new StoreError('refused', firstSentence(message), error)
  }
  // A file that could not be made has other names, and is nobody's fault either.
  if (message.includes('No space left on device')) {
    return new StoreError('full', firstSentence(message), error)
  }
  if (type) {
    const code = codeOf(type, message.includes('while reading from part'))
    return new StoreError(code, `${firstSentence(message)} (${type})`, error)
  }
  if (/timeout/i.test(message)) return new StoreError('timeout', message, error)
  return new StoreError('unavailable', message || 'the store does not answer', error)
}

function codeOf(type: string, isOfPart: boolean): StoreErrorCode {
  if (refused.has(type)) return 'refused'
  if (timeout.has(type)) return 'timeout'
  if (full.has(type)) return 'full'
  if (isOfPart && damaged.has(type)) return 'damaged'
  return unavailable.has(type) ? 'unavailable' : 'invalid_query'
}

// The client parses `Code: N. DB::Exception: … (TYPE)` into `type`; errors of its own (sockets) have none.
function engineType(error: unknown, message: string): string | undefined {
  const type = (error as { type?: unknown } | null)?.type
  if (typeof type === 'string' && type !== '') return type
  return /DB::Exception:[\s\S]*\(([A-Z][A-Z0-9_]+)\)/.exec(message)?.[1]
}

// The engine adds the expected tokens, the query and its version: too much for a person, and for a log line.
function firstSentence(message: string): string {
  const text = message.replaceAll(/Code: \d+\. |DB::Exception: /g, '')
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
