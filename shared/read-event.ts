import { isbot } from 'isbot'
import * as v from 'valibot'
import { cleanJson } from './clean-json.ts'
import { type EventType, eventSchema, eventTypes, type ShelfEvent } from './event.ts'
import { visitorKey } from './id.ts'
import { limits } from './limits.ts'
import { accept, type Outcome, type RefusalReason, refuse } from './refusal.ts'

/** What the request says that holds for each of its events. */
export interface Envelope {
  /** The POP's clock when the request arrived, epoch ms. */
  readonly receivedAt: number
  /** The device's clock when it sent the request, epoch ms, where it said so. */
  readonly sentAt?: number | undefined
  /** Ids of the request that its events inherit (`/v1/decide`). */
  readonly anonymousId?: string | undefined
  readonly userId?: string | undefined
}

type RawEvent = v.InferOutput<typeof eventSchema>
type RawObject = Record<string, unknown>

/**
 * Reads one event of a request: cleans it, checks it, corrects its clock and names its items.
 *
 * Clock skew is corrected as Segment does: `timestamp = receivedAt - (sentAt - originalTimestamp)`.
 * Source: https://segment.com/docs/connections/spec/common/#timestamps
 */
export function readEvent(raw: unknown, envelope: Envelope): Outcome<ShelfEvent> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return refuse('not_an_object', '', 'an event must be a JSON object')
  }
  if (exceedsEventBytes(raw)) {
    return refuse('event_too_large', '', `is larger than ${limits.eventBytesMax} bytes`)
  }
  const cleaned = cleanJson(withInheritedIds(raw as RawObject, envelope))
  if (!cleaned.ok) return cleaned
  const parsed = v.safeParse(eventSchema, cleaned.value, { abortEarly: true })
  if (!parsed.success) return refusalOf(parsed.issues[0], cleaned.value as RawObject)
  return complete(parsed.output, envelope)
}

function complete(event: RawEvent, envelope: Envelope): Outcome<ShelfEvent> {
  if (visitorKey(event) === null) {
    return refuse('missing_visitor_id', 'anonymousId', 'anonymousId or userId is required')
  }
  const named = event.event ?? event.name ?? ''
  if (event.type === 'track' && named === '') {
    return refuse('invalid_field', 'event', 'a track event needs the name of what happened')
  }
  const device = event.originalTimestamp ?? event.timestamp
  const original = device ?? envelope.receivedAt
  const timestamp = device == null ? envelope.receivedAt : correctedTimestamp(device, envelope)
  if (timestamp === null) {
    return refuse(
      'timestamp_out_of_range',
      'timestamp',
      `${isoOf(original)} is neither past ${isoOf(limits.eventTimestampMinMs)} nor before now`,
    )
  }
  return accept({
    type: event.type as EventType,
    messageId: event.messageId,
    ...present('anonymousId', event.anonymousId),
    ...present('userId', event.userId),
    ...present('previousId', event.previousId),
    ...present('groupId', event.groupId),
    event: named,
    timestamp,
    originalTimestamp: original,
    receivedAt: envelope.receivedAt,
    bot: isbot(userAgentOf(event.context)),
    items: itemsOf(event.properties ?? {}),
    properties: event.properties ?? {},
    traits: event.traits ?? {},
    context: event.context ?? {},
  })
}

/** Ids of the items an event is about: `product_id`, and each of `products`. */
export function itemsOf(properties: RawObject): string[] {
  const products = Array.isArray(properties.products) ? properties.products : []
  const items = [properties, ...products].map((entry) => (entry as RawObject | null)?.product_id)
  return [...new Set(items.flatMap(itemIdOf))].slice(0, limits.sessionItemsMax)
}

function itemIdOf(id: unknown): string[] {
  if (typeof id === 'number') return [String(id)]
  return typeof id === 'string' && id !== '' && id.length <= limits.idCharactersMax ? [id] : []
}

function correctedTimestamp(original: number, envelope: Envelope): number | null {
  const skew = envelope.sentAt === undefined ? 0 : envelope.receivedAt - envelope.sentAt
  const timestamp = original + skew
  if (timestamp < limits.eventTimestampMinMs) return null
  if (timestamp > envelope.receivedAt + limits.eventAheadMsMax) return null
  // A little ahead is an uncorrected clock: nothing can have happened after it was received.
  return Math.min(timestamp, envelope.receivedAt)
}

function isoOf(epochMs: number): string {
  const date = new Date(epochMs)
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString()
}

function withInheritedIds(raw: RawObject, envelope: Envelope): RawObject {
  if (raw.anonymousId != null || raw.userId != null) return raw
  return { ...raw, anonymousId: envelope.anonymousId ?? null, userId: envelope.userId ?? null }
}

function present<Name extends string>(name: Name, value: string | null | undefined) {
  return (value == null ? {} : { [name]: value }) as { [key in Name]?: string }
}

function userAgentOf(context: RawObject | null | undefined): string | null {
  return typeof context?.userAgent === 'string' ? context.userAgent : null
}

function exceedsEventBytes(raw: object): boolean {
  try {
    const text = JSON.stringify(raw)
    // UTF-8 takes at most three bytes a UTF-16 unit: most events are settled by their length.
    if (text.length * 3 <= limits.eventBytesMax) return false
    return new TextEncoder().encode(text).length > limits.eventBytesMax
  } catch {
    // Nested so deep that it cannot be written; cleanJson names the depth.
    return false
  }
}

function refusalOf(issue: v.BaseIssue<unknown>, raw: RawObject): Outcome<never> {
  const field = v.getDotPath(issue) ?? ''
  if (field === 'messageId' && raw.messageId == null) {
    return refuse(
      'missing_message_id',
      field,
      'messageId is required: it is what makes sending an event twice safe',
    )
  }
  if (field === 'type') {
    return refuse('unknown_type', field, `type must be one of ${eventTypes.join(', ')}`)
  }
  const separator = issue.message.indexOf(': ')
  if (separator === -1) return refuse('invalid_field', field, issue.message)
  const reason = issue.message.slice(0, separator) as RefusalReason
  return refuse(reason, field, `${field} ${issue.message.slice(separator + 2)}`.trim())
}
