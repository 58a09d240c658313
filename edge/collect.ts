import { type EventType, eventTypes } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Site } from '#shared/sites.ts'
import type { Environment } from './environment.ts'
import { readBody } from './read-body.ts'

type RawObject = Record<string, unknown>

/** A request let in: whose it is, when it came, and its JSON. */
export interface Collected {
  readonly site: Site
  readonly receivedAt: number
  readonly sentAt: number | undefined
  readonly body: RawObject
}

/** The first stage: bounds, then key, then JSON. Throws RequestRefused. */
export async function collect(request: Request, environment: Environment): Promise<Collected> {
  const receivedAt = environment.now()
  const header = keyOfHeaders(request)
  // A wrong key in a header is refused before the body is read.
  const early = header === null ? null : siteOf(header, environment)
  const body = parse(await readBody(request, limits.batchBytesMax))
  const site = early ?? siteOf(keyOfBody(body), environment)
  return { site, receivedAt, sentAt: instantOf(body.sentAt), body }
}

/** The site of a request without a body, by header or `writeKey` in the query. */
export function siteOfQuery(request: Request, environment: Environment): Site {
  const query = new URL(request.url).searchParams.get('writeKey')
  return siteOf(keyOfHeaders(request) ?? query, environment)
}

/** The events of a batch. Throws RequestRefused where there is no list, or it is too long. */
export function eventsOfBatch(body: RawObject, key: 'batch' | 'events', max: number): unknown[] {
  const events = body[key] ?? []
  if (!Array.isArray(events) || (key === 'batch' && body.batch === undefined)) {
    throw new RequestRefused(400, 'no_batch', `"${key}" must be a list of events`)
  }
  if (events.length > max) {
    throw new RequestRefused(413, 'too_many_events', `${events.length} events, at most ${max}`)
  }
  return events
}

/** One event as its own request (`/v1/track`): the route says its type. */
export function eventOfCall(body: RawObject, type: EventType): unknown[] {
  return [eventTypes.includes(body.type as EventType) ? body : { ...body, type }]
}

function siteOf(key: string | null, environment: Environment): Site {
  if (key === null || key === '') {
    throw new RequestRefused(
      401,
      'missing_write_key',
      'send the write key as the user name of Basic authentication, or as "writeKey"',
    )
  }
  const site = environment.config.siteOf(key)
  if (site === null)
    throw new RequestRefused(401, 'unknown_write_key', 'no site has this write key')
  return site
}

/** Basic authentication with the key as user name, as the Segment SDKs send it; or a bearer token. */
function keyOfHeaders(request: Request): string | null {
  const [scheme, credentials] = (request.headers.get('authorization') ?? '').split(' ', 2)
  if (scheme?.toLowerCase() === 'bearer') return credentials ?? ''
  if (scheme?.toLowerCase() !== 'basic') return null
  try {
    return atob(credentials ?? '').split(':', 1)[0] ?? ''
  } catch {
    return ''
  }
}

function keyOfBody(body: RawObject): string | null {
  return typeof body.writeKey === 'string' ? body.writeKey : null
}

function parse(bytes: Uint8Array): RawObject {
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch {
    throw new RequestRefused(400, 'not_json', 'the body is not JSON in UTF-8')
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as RawObject
  throw new RequestRefused(400, 'not_an_object', 'the body must be a JSON object')
}

function instantOf(value: unknown): number | undefined {
  const epochMs =
    typeof value === 'string' || typeof value === 'number' ? +new Date(value) : Number.NaN
  return Number.isFinite(epochMs) ? epochMs : undefined
}
