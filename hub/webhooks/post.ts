import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { useAgent as filteringAgent } from 'request-filtering-agent'
import { Webhook } from 'standardwebhooks'
import type { Endpoint } from './endpoint.ts'
import type { WebhookMessage } from './message.ts'

/** How an attempt ended. A final failure is one that the same again cannot help. */
export type Attempt =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      readonly isFinal: boolean
      /** How long the endpoint asked us to wait, ms; null where it did not say. */
      readonly retryAfterMs: number | null
    }

export interface PostPorts {
  readonly now: () => number
  readonly timeMaxMs: number
  /** Private and loopback addresses, and plain HTTP: for tests and for endpoints inside the same network. */
  readonly allowPrivate: boolean
}

/** What of an answer is read: nothing is done with it, and an endpoint may send without end. */
const answerBytesMax = 64 * 1024

/**
 * Posts a message, signed by Standard Webhooks (HMAC-SHA256 over id, time and body). It never throws.
 *
 * The address is checked when the connection is made, on what its name resolved to, so a name cannot lead to a
 * private address later; a redirect is not followed.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export async function postWebhook(
  { url, secret }: Endpoint,
  { id, body }: WebhookMessage,
  { now, timeMaxMs, allowPrivate }: PostPorts,
): Promise<Attempt> {
  const at = new Date(now())
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'Shelfedge',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  }
  try {
    const agent = filteringAgent(url, { allowPrivateIPAddress: allowPrivate, keepAlive: false })
    const signal = AbortSignal.timeout(timeMaxMs)
    return attemptOf(await send(url, { method: 'POST', headers, agent, signal }, body))
  } catch (cause) {
    const isTimeout =
      (cause as Error).name === 'AbortError' || (cause as Error).name === 'TimeoutError'
    const reason = isTimeout ? `no answer within ${timeMaxMs} ms` : (cause as Error).message
    return { ok: false, reason, isFinal: false, retryAfterMs: null }
  }
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
}

function send(url: string, options: object, body: string): Promise<Answer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((answer, fail) => {
    const sent = request(url, options, (response: IncomingMessage) => {
      let bytes = 0
      const done = () =>
        answer({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] })
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= answerBytesMax) return
        done()
        response.destroy()
      })
      response.once('end', done)
      response.once('error', fail)
    })
    sent.once('error', fail)
    sent.end(body)
  })
}

function attemptOf({ status, retryAfter }: Answer): Attempt {
  if (status >= 200 && status < 300) return { ok: true }
  const seconds = Number(retryAfter)
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null
  if (status >= 300 && status < 400) {
    const reason = `it answered ${status}; redirects are not followed`
    return { ok: false, reason, isFinal: true, retryAfterMs: null }
  }
  // 410 is how an endpoint says that it is gone for good (Standard Webhooks, "Webhook delivery").
  return { ok: false, reason: `it answered ${status}`, isFinal: status === 410, retryAfterMs }
}
