import { writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { LocalSystem } from '#hub/local/system.ts'
import { trainAndFollow } from '#hub/training/follow.ts'
import type { LearnedModel } from '#hub/training/learned/learn-models.ts'
import type { Receiver, Told } from './receiver.ts'

export const exampleSite = 'example'
export const exampleWriteKey = 'example-key'

const batchesAtOnce = 4
const storedTimeMaxMs = 180_000
const liveTimeMaxMs = 60_000
const askAgainMs = 200

export interface BatchReceipt {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly { readonly reason: string; readonly detail: string }[]
  /** What its events set off; absent where it is nothing. */
  readonly decisions?: readonly Decided[]
}

/** A decision in the answer of a POP. */
export interface Decided {
  readonly decisionId: string
  readonly placement: string
  /** Of the event that set it off. */
  readonly messageId: string
  readonly answer: Readonly<Record<string, unknown>>
  readonly items: readonly { readonly id: string; readonly category?: string }[]
  readonly release: string | null
  readonly fallback: string | null
}

/** What the judge of the hub found of a model that it accepted. */
interface Accepted {
  readonly release: string
  readonly figures: Readonly<Record<string, number>>
}

/** Talks to a running POP as a storefront or a device does, and to its hub as an analyst does. */
export class Client {
  readonly #system: LocalSystem
  readonly #policyFile: string
  readonly #receiver: Receiver | null

  constructor(system: LocalSystem, policyFile: string, receiver: Receiver | null) {
    this.#system = system
    this.#policyFile = policyFile
    this.#receiver = receiver
  }

  /** What webhooks brought, in the order in which it came. */
  get told(): readonly Told[] {
    return this.#receiver?.told ?? []
  }

  /** Webhooks whose signature was wrong. */
  get refused(): number {
    return this.#receiver?.refused ?? 0
  }

  /** Listens to the decisions of a visitor as a page does; `told` has their ids. */
  stream(anonymousId: string): { readonly told: readonly string[]; close(): void } {
    const query = new URLSearchParams({ writeKey: exampleWriteKey, anonymousId })
    const source = new EventSource(`${this.#system.popUrl}/v1/stream?${query}`)
    const told: string[] = []
    source.addEventListener('decision', ({ data }: MessageEvent<string>) => {
      told.push((JSON.parse(data) as Decided).decisionId)
    })
    return { told, close: () => source.close() }
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
      const response = await this.#post(path, body)
      if (response.ok) return (await response.json()) as Answer
      const text = await response.text()
      if (response.status !== 429) throw new Error(`POP ${path}: ${response.status} ${text}`)
      await wait(Number(response.headers.get('retry-after') ?? 1) * 1_000)
    }
  }

  #post(path: string, body: object): Promise<Response> {
    return fetch(this.#system.popUrl + path, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${exampleWriteKey}:`)}` },
      body: JSON.stringify(body),
    })
  }

  /** Asks the hub with the admin token; with a body by POST. */
  async hub<Answer>(path: string, body?: string | FormData): Promise<Answer> {
    const response = await fetch(this.#system.hubUrl + path, {
      headers: { authorization: `Bearer ${this.#system.secrets.adminToken}` },
      ...(body !== undefined && { method: 'POST', body }),
    })
    if (response.ok) return (await response.json()) as Answer
    throw new Error(`hub ${path}: ${response.status} ${await response.text()}`)
  }

  /** Trains on the hub; answers the release, which is on its way to the POP. Throws where there is none. */
  async retrain(): Promise<{
    readonly release: string
    readonly reason: string
    readonly figures: Readonly<Record<string, number>>
    /** Those that the policy has learned, and how each ended. */
    readonly models: readonly LearnedModel[]
  }> {
    const {
      outcome,
      reason,
      digest: release,
      figures,
      models,
    } = await trainAndFollow((method, path) => this.hub(path, method === 'POST' ? '' : undefined))
    if (outcome === 'published' && release !== null) {
      return { release, reason, figures, models: (models ?? []) as readonly LearnedModel[] }
    }
    throw new Error(`there is no model: ${outcome}, ${reason}`)
  }

  /** Writes the site's policy, as whoever keeps it does; the next release has it. */
  savePolicy(yaml: string): Promise<void> {
    return writeFile(this.#policyFile, yaml)
  }

  /** Has a model examined and a release made of it, as `npx shelfedge models push` does. Throws where it is refused. */
  async pushModel(name: string, declaration: object, model: Uint8Array): Promise<Accepted> {
    const form = new FormData()
    form.set('name', name)
    form.set('model', new File([Uint8Array.from(model)], `${name}.onnx`))
    form.set('declaration', JSON.stringify(declaration))
    return this.hub<Accepted>('/v1/models', form)
  }

  /** Lets a release answer everybody. */
  async promote(release: string): Promise<void> {
    await this.hub(`/v1/releases/${release}/promote`, '')
  }

  /** Resolves when the POP answers by this release. Throws where it takes too long. */
  async untilLive(release: string, placement: string): Promise<void> {
    const giveUpAt = performance.now() + liveTimeMaxMs
    for (;;) {
      const response = await this.#post('/v1/decide', { anonymousId: 'nobody', placement })
      const answer = (await response.json()) as { readonly release?: string }
      if (response.ok && answer.release === release) return
      if (performance.now() > giveUpAt) {
        throw new Error(`the POP does not answer by ${release} after ${liveTimeMaxMs} ms`)
      }
      await wait(askAgainMs)
    }
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
