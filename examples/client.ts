import { setTimeout as wait } from 'node:timers/promises'
import type { LocalSystem } from '#hub/local/system.ts'

export const exampleSite = 'example'
export const exampleWriteKey = 'example-key'

const batchesAtOnce = 4
const storedTimeMaxMs = 180_000
const askAgainMs = 200

export interface BatchReceipt {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly { readonly reason: string; readonly detail: string }[]
}

/** Talks to a running POP as a storefront or a device does, and to its hub as an analyst does. */
export class Client {
  readonly #system: LocalSystem

  constructor(system: LocalSystem) {
    this.#system = system
  }

  /** Posts events in batches of at most `eventsPerBatch`, some at once; a POP that is full is asked again. */
  async sendAll(
    events: Iterable<object>,
    eventsPerBatch: number,
    onBatch: (receipt: BatchReceipt) => void,
  ): Promise<void> {
    const batches = inBatches(events, eventsPerBatch)
    const sender = async () => {
      // One generator feeds every sender, so no more than a batch each is in memory.
      for (let next = batches.next(); !next.done; next = batches.next()) {
        onBatch(await this.send(next.value))
      }
    }
    await Promise.all(Array.from({ length: batchesAtOnce }, sender))
  }

  send(batch: readonly object[]): Promise<BatchReceipt> {
    return this.pop('/v1/batch', { batch })
  }

  /** Asks the POP. Throws with its answer where that is neither good nor a request to come again. */
  async pop<Answer>(path: string, body: object): Promise<Answer> {
    for (;;) {
      const response = await fetch(this.#system.popUrl + path, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${exampleWriteKey}:`)}` },
        body: JSON.stringify(body),
      })
      if (response.ok) return (await response.json()) as Answer
      const text = await response.text()
      if (response.status !== 429) throw new Error(`POP ${path}: ${response.status} ${text}`)
      await wait(Number(response.headers.get('retry-after') ?? 1) * 1_000)
    }
  }

  /** Asks the hub with the admin token; with a body by POST. */
  async hub<Answer>(path: string, body?: string): Promise<Answer> {
    const response = await fetch(this.#system.hubUrl + path, {
      headers: { authorization: `Bearer ${this.#system.secrets.adminToken}` },
      ...(body !== undefined && { method: 'POST', body }),
    })
    if (response.ok) return (await response.json()) as Answer
    throw new Error(`hub ${path}: ${response.status} ${await response.text()}`)
  }

  query<Row>(sql: string): Promise<Row[]> {
    return this.hub('/v1/query', sql)
  }

  /** Resolves when the store has this many events of the site. Throws where it takes too long. */
  async untilStored(events: number): Promise<void> {
    const giveUpAt = performance.now() + storedTimeMaxMs
    const sql = `SELECT count() AS events FROM events_once WHERE site = '${exampleSite}'`
    for (;;) {
      const [row] = await this.query<{ events: number }>(sql)
      if (Number(row?.events) >= events) return
      if (performance.now() > giveUpAt) {
        throw new Error(
          `the store has ${row?.events} of ${events} events after ${storedTimeMaxMs} ms`,
        )
      }
      await wait(askAgainMs)
    }
  }
}

function* inBatches(events: Iterable<object>, size: number): Generator<object[]> {
  let batch: object[] = []
  for (const event of events) {
    batch.push(event)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
