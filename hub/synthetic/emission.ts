/** One event in the Segment shape. Wider than the specification where a malformed one must fit. */
export interface EventBody {
  readonly type: string
  readonly messageId?: string
  readonly anonymousId: string
  readonly userId?: string
  readonly timestamp: string
  readonly event?: string
  readonly name?: string
  readonly properties?: Properties
  readonly traits?: Properties
  readonly context: EventContext
}

export type Properties = Readonly<
  Record<string, string | number | boolean | readonly ProductLine[]>
>

export type ProductLine = Readonly<Record<string, string | number | boolean>>

export interface EventContext {
  readonly userAgent?: string
  readonly locale?: string
  readonly page?: { readonly path: string; readonly url: string; readonly title: string }
}

export interface BatchBody {
  readonly batch: readonly EventBody[]
  readonly sentAt: string
}

export interface DecideBody {
  readonly anonymousId: string
  readonly userId?: string
  readonly placement: 'product-page'
  readonly limit: number
  readonly events: readonly EventBody[]
  readonly sentAt: string
}

export type MalformedFault = 'messageId-missing' | 'quantity-negative' | 'type-unknown'

/** What a receiver cannot know and a test must: the parallel record of one emission. */
export interface Truth {
  /** Its place in the stream, from 0. */
  readonly sequence: number
  /** Which visit made it, from 0: shopper, crawler, late device or refund. A duplicate has its original's. */
  readonly visit: number
  /** Events that a correct receiver counts for the first time: well-formed, and not sent before. */
  readonly uniqueEvents: number
  readonly duplicateOf?: { readonly sequence: number; readonly sendAtMs: number }
  readonly bot: boolean
  /** Added to every timestamp and to `sentAt` by the device's wrong clock. */
  readonly skewMs: number
  readonly late: boolean
  /** Prices and categories left out. */
  readonly missingValues: number
  readonly expectedRefusals: number
  /** By position in the emission's events: what is wrong, hence which refusal to expect. */
  readonly malformed: readonly { readonly index: number; readonly fault: MalformedFault }[]
}

interface Sending {
  /** By a true clock, whatever the device's says. */
  readonly sendAtMs: number
  readonly truth: Truth
}

/** A request to send, as JSON: `batch` to POST /v1/batch, `decide` to POST /v1/decide. */
export type Emission = Sending &
  (
    | { readonly kind: 'batch'; readonly body: BatchBody }
    | { readonly kind: 'decide'; readonly body: DecideBody }
  )

export function eventsOf(emission: Emission): readonly EventBody[] {
  return emission.kind === 'batch' ? emission.body.batch : emission.body.events
}

/** The same request with its device's clock read at another sending; the events stay as they are. */
export function sentAgain(emission: Emission, sendAtMs: number): Emission {
  const sentAt = isoTime(sendAtMs + emission.truth.skewMs)
  return emission.kind === 'batch'
    ? { ...emission, sendAtMs, body: { ...emission.body, sentAt } }
    : { ...emission, sendAtMs, body: { ...emission.body, sentAt } }
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
