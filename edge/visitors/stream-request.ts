import type { VisitorName } from './erase.ts'

/** Whose stream is asked of the object that owns the visitor, and after which event. */
export interface StreamRequest {
  readonly name: VisitorName
  readonly after: number | null
  /** The address it comes from; '' where the platform does not say. */
  readonly client: string
}

/** Only the worker itself reaches an object, so this header is ours. */
const header = 'shelfedge-stream'

/** The request of a stream as headers, which hold ASCII alone. */
export function streamHeaders(asked: StreamRequest): Record<string, string> {
  return { [header]: encodeURIComponent(JSON.stringify(asked)) }
}

export function readStreamRequest(headers: Headers): StreamRequest {
  return JSON.parse(decodeURIComponent(headers.get(header) ?? ''))
}
