import { visitorKey } from '#shared/id.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { siteOfQuery } from './collect.ts'
import type { Environment } from './environment.ts'
import { readQuestion } from './question.ts'
import { objectOf } from './visitor-request.ts'
import { streamHeaders } from './visitors/stream-request.ts'

const retryAfterSeconds = 10

/**
 * Opens a stream of a visitor's decisions, server-sent events (HTML Living Standard, 9.2), from the object that owns
 * the visitor. `Last-Event-ID`, or `after` where a client cannot set headers, goes on after that event.
 *
 * Throws RequestRefused where the visitor is not named, or where too many streams are open.
 */
export async function takeStream(request: Request, environment: Environment): Promise<Response> {
  const site = siteOfQuery(request, environment)
  const { anonymousId, userId, after } = Object.fromEntries(new URL(request.url).searchParams)
  const visitor = visitorKey(readQuestion({ anonymousId, userId, placement: '' })) as string
  const from = readNumber(request.headers.get('last-event-id') ?? after)
  // Cloudflare sets it; on a box the runtime does, where a client has not: what it decides is only who gives way.
  const client = request.headers.get('cf-connecting-ip') ?? ''
  const stream = await objectOf(site.id, visitor, environment).fetch('https://visitors/stream', {
    headers: streamHeaders({ name: { site: site.id, visitor }, after: from, client }),
  })
  if (!stream.ok) {
    const sentence = 'as many streams are open here as may be; come again later'
    throw new RequestRefused(429, 'too_many_streams', sentence, retryAfterSeconds)
  }
  environment.counters.add('shelfedge_streams_opened_total')
  return new Response(stream.body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies of the nginx kind would gather events before they pass them on.
      'x-accel-buffering': 'no',
    },
  })
}

/** The id of an event; null where there is none. An id that is none of ours begins a new stream, as browsers expect. */
function readNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : null
}
