import type { FileSession } from '#hub/evaluation/session-file.ts'
import type { LocalSystem } from '#hub/local/system.ts'
import { limits } from '#shared/limits.ts'

export const replaySite = 'replay'
const writeKey = 'replay-key'
const eventsPerBatch = 500
const batchesAtOnce = 4

/** Sessions of a file keep their own ends: the idle limit is the longest there is. */
export const replaySites = {
  [replaySite]: { writeKeys: [writeKey], sessionIdleMinutes: 7 * 24 * 60 },
}

/** Whoever is not the only one to ask about a session has a name of its own. */
export interface AskedClicks extends FileSession {
  readonly visitorId?: string
}

export interface ReplayAnswer {
  readonly items: readonly { readonly id: string; readonly score: number; readonly by: string }[]
  readonly release: string | null
  readonly fallback: string | null
  readonly decideMs: number
}

/** Talks to a running POP and hub as a storefront and an operator would. */
export class ReplayClient {
  readonly #system: LocalSystem

  constructor(system: LocalSystem) {
    this.#system = system
  }

  /** Sends every click of some sessions in batches, as many as an SDK would never gather; answers how many. */
  async sendClicks(sessions: readonly FileSession[], prefix: string): Promise<number> {
    const events = sessions.flatMap((session) =>
      session.itemIds.map((_, at) => clickOf(session, at, prefix)),
    )
    const batches = Array.from({ length: Math.ceil(events.length / eventsPerBatch) }, (_, index) =>
      events.slice(index * eventsPerBatch, (index + 1) * eventsPerBatch),
    )
    await Promise.all(Array.from({ length: batchesAtOnce }, () => this.#drain(batches)))
    return events.length
  }

  /** Posts the clicks from one place of a session to another and asks for what comes next, in one round trip. */
  async decide(session: AskedClicks, from: number, to: number, limit: number) {
    const visitor = { ...session, sessionId: session.visitorId ?? session.sessionId }
    // A POP takes so many with a question; of a longer session the newest say most.
    const first = Math.max(from, to + 1 - limits.decideEventsMax)
    const clicks = Array.from({ length: to + 1 - first }, (_, at) =>
      clickOf(visitor, first + at, 'test'),
    )
    const events = clicks.map(({ anonymousId: _, ...event }) => event)
    const { anonymousId } = clickOf(visitor, to, 'test')
    const body = { anonymousId, placement: 'product-page', limit, events }
    const startedAt = performance.now()
    const response = await this.#post('/v1/decide', body)
    const answer = (await response.json()) as Omit<ReplayAnswer, 'decideMs'>
    const decideMs = performance.now() - startedAt
    return { ...answer, decideMs } satisfies ReplayAnswer
  }

  /** Asks for a visitor nobody knows: which release answers now. */
  async liveRelease(): Promise<string | null> {
    const body = { anonymousId: 'watcher', placement: 'product-page', limit: 1 }
    const response = await this.#post('/v1/decide', body)
    return ((await response.json()) as ReplayAnswer).release
  }

  async query<Row>(sql: string): Promise<Row[]> {
    return (await this.hub(`/v1/query`, { method: 'POST', body: sql })) as Row[]
  }

  async hub(path: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.#system.secrets.adminToken}` }
    const response = await fetch(this.#system.hubUrl + path, { ...init, headers })
    if (!response.ok) throw new Error(`hub ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  async #drain(batches: object[][]): Promise<void> {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      const response = await this.#post('/v1/batch', { batch })
      const { rejected } = (await response.json()) as { rejected: { detail: string }[] }
      if (rejected[0]) throw new Error(`the POP refused a click: ${rejected[0].detail}`)
    }
  }

  async #post(path: string, body: object): Promise<Response> {
    const response = await fetch(this.#system.popUrl + path, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${writeKey}:`)}` },
      body: JSON.stringify(body),
    })
    if (response.ok) return response
    throw new Error(`POP ${path}: ${response.status} ${await response.text()}`)
  }
}

function clickOf({ sessionId, itemIds, timesMs }: FileSession, at: number, prefix: string) {
  return {
    type: 'track',
    event: 'Product Viewed',
    messageId: `${prefix}-${sessionId}-${at}`,
    anonymousId: `${prefix}-${sessionId}`,
    timestamp: new Date(timesMs[at] as number).toISOString(),
    properties: { product_id: itemIds[at] },
  }
}
