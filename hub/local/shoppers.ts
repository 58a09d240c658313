import { setTimeout as wait } from 'node:timers/promises'
import type { ErrorBody } from '#shared/contract.ts'
import type { DecideBody, EventBody } from '../synthetic/emission.ts'
import { demoTraffic, paced } from '../synthetic/pace.ts'
import { makeShop } from '../synthetic/shop.ts'
import { simulate } from '../synthetic/shoppers.ts'

export interface ShoppersOptions {
  readonly popUrl: string
  readonly writeKey: string
  /** Of the shop; who comes to it depends on when it opens, too. */
  readonly seed: number
  readonly eventsPerSecond: number
  readonly signal: AbortSignal
  /** Told of every answered decision. */
  readonly onDecision: (decision: Decision) => void
  /** Told of every request that failed or was refused; the code is that of the POP's answer, '' where there was none. */
  readonly onFailure: (reason: string, code: string) => void
}

/** The part of a POP's answer a shopper looks at. */
export interface Decision {
  readonly decisionId: string
  readonly placement: string
  readonly release: string | null
  readonly fallback: string | null
  readonly items: readonly { readonly id: string; readonly name?: string }[]
}

/** A shop front does not wait for one visitor before it serves the next, and does not queue for ever either. */
const requestsAtOnceMax = 64

/** Sends synthetic shoppers to a POP at a steady pace until `signal` aborts. */
export async function sendShoppers(options: ShoppersOptions): Promise<void> {
  const { seed, eventsPerSecond, signal } = options
  const shop = makeShop({ seed })
  const startAtMs = Date.now()
  // Another start, other shoppers: the same ones would send events that the POP has already.
  const shoppersSeed = (startAtMs ^ seed) | 0
  const traffic = demoTraffic(eventsPerSecond)
  const emissions = simulate({ shop, seed: shoppersSeed, startAtMs, ...traffic })
  const running = new Set<Promise<void>>()
  for (const { delayMs, emission } of paced(emissions, { eventsPerSecond, startAtMs })) {
    const delay = startAtMs + delayMs - Date.now()
    if (delay > 0) await wait(delay, null, { signal }).catch(() => {})
    if (signal.aborted) break
    if (running.size >= requestsAtOnceMax) await Promise.race(running)
    const sent: Promise<void> = send(emission.kind, emission.body, options).finally(() =>
      running.delete(sent),
    )
    running.add(sent)
  }
  await Promise.all(running)
}

async function send(kind: string, body: unknown, options: ShoppersOptions): Promise<void> {
  try {
    const response = await fetch(`${options.popUrl}/v1/${kind}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${options.writeKey}:`)}` },
      body: JSON.stringify(body),
      signal: options.signal,
    })
    if (!response.ok) await refused(response, body, options)
    else if (kind === 'decide') {
      const decision = (await response.json()) as Decision
      options.onDecision(decision)
      if (decision.items.length > 0) {
        await send('track', shownOf(body as DecideBody, decision), options)
      }
    } else await response.arrayBuffer()
  } catch (cause) {
    if (!options.signal.aborted) options.onFailure(String(cause), '')
  }
}

/** What came with a question that has no answer is sent without it: a shop loses no event by its policy. */
async function refused(response: Response, body: unknown, options: ShoppersOptions): Promise<void> {
  const text = await response.text()
  const { error = '', detail = text } = readError(text)
  options.onFailure(`${response.status} ${detail}`, error)
  if (error !== 'unknown_placement') return
  const { events: batch, sentAt } = body as DecideBody
  await send('batch', { batch, sentAt }, options)
}

function readError(text: string): Partial<ErrorBody> {
  try {
    return JSON.parse(text) as ErrorBody
  } catch {
    return {}
  }
}

/** What a shop says when the answer is on the screen: without it nobody can tell whether it paid. */
function shownOf(
  { anonymousId, userId, events, sentAt }: DecideBody,
  { decisionId }: Decision,
): EventBody & { readonly sentAt: string } {
  return {
    ...{ type: 'track', event: 'Decision Shown', messageId: `${decisionId}-shown`, anonymousId },
    ...(userId !== undefined && { userId }),
    ...{ timestamp: sentAt, sentAt, properties: { decisionId }, context: events[0]?.context ?? {} },
  }
}
