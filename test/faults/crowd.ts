import { setTimeout as wait } from 'node:timers/promises'
import { type Random, seededRandom } from '#hub/synthetic/random.ts'

export interface CrowdOptions {
  readonly seed: number
  readonly events: number
  readonly visitors: number
  /** Part of the requests that are sent a second time though they were answered, 0 to 1. */
  readonly repeated?: number
  /** Part of the events that no POP takes, 0 to 1. */
  readonly bad?: number
  /** How far the clocks of devices are wrong, and how late their events are, ms, at most. */
  readonly skewMsMax?: number
  readonly lateMsMax?: number
  /** Characters that every event carries beside its own. */
  readonly paddingCharacters?: number
  readonly popUrl: string
  readonly writeKey: string
}

/** What was sent, as whoever sent it knows it. */
export interface Sent {
  /** Ids of each visitor's good events, in the order in which its requests were sent. */
  readonly byVisitor: ReadonlyMap<string, readonly string[]>
  /** How many events each reason should have refused. */
  readonly refused: ReadonlyMap<string, number>
  readonly events: number
}

const eventsPerRequest = 20
const requestsAtOnce = 12
const retryMsMin = 50
const retryMsMax = 1_000
const answerTimeMaxMs = 20_000
const itemsOfShop = 200
/** The last of the requests wait until the fault is over, so that there is always one under way. */
const heldBack = 0.15

interface Request {
  readonly batch: readonly object[]
  readonly sentAtMs: number
  /** Sent a second time, though it was answered. */
  readonly isRepeated: boolean
}

/**
 * Visitors that send as SDKs do: each its requests one after the other, each request again with the same
 * ids until it is answered with 200. What they send follows from the seed.
 */
export class Crowd {
  readonly #options: CrowdOptions
  readonly #queues: Request[][]
  readonly #sent: Sent
  readonly #total: number
  readonly #held: (() => void)[] = []
  #isOpen = false
  readonly #stopping = new AbortController()
  #answered = 0
  #resent = 0
  #throttled = 0
  #untimed = 0

  constructor(options: CrowdOptions) {
    this.#options = options
    const { queues, sent } = plan(options)
    this.#queues = queues
    this.#sent = sent
    this.#total = queues.reduce((sum, queue) => sum + queue.length, 0)
  }

  get sent(): Sent {
    return this.#sent
  }

  /** Requests that had to be sent again, and answers of 429. */
  get counts(): { readonly resent: number; readonly throttled: number } {
    return { resent: this.#resent, throttled: this.#throttled }
  }

  /** Answers of 429 that did not say when to come again. */
  get untimed(): number {
    return this.#untimed
  }

  /** Sends everything; resolves when the last request is answered with 200. */
  async run(): Promise<void> {
    const waiting = [...this.#queues]
    const worker = async () => {
      for (let queue = waiting.shift(); queue; queue = waiting.shift()) {
        for (const request of queue) await this.#deliver(request)
      }
    }
    await Promise.all(Array.from({ length: requestsAtOnce }, worker))
  }

  /** Resolves when this part of the requests is answered. */
  async reaches(part: number): Promise<void> {
    while (this.#answered < part * this.#total && !this.#stopping.signal.aborted) await wait(5)
  }

  /** Lets one of the requests go that were held back for the end of the fault. */
  releaseOne(): void {
    this.#held.shift()?.()
  }

  /** Lets all of them go. */
  release(): void {
    this.#isOpen = true
    for (const go of this.#held.splice(0)) go()
  }

  stop(): void {
    this.#stopping.abort()
    this.release()
  }

  async #deliver(request: Request): Promise<void> {
    if (this.#answered >= (1 - heldBack) * this.#total) await this.#turn()
    await this.#untilAnswered(request)
    if (request.isRepeated) await this.#untilAnswered(request)
    this.#answered++
  }

  async #turn(): Promise<void> {
    if (!this.#isOpen) await new Promise<void>((go) => this.#held.push(go))
  }

  async #untilAnswered(request: Request): Promise<void> {
    for (let retryMs = retryMsMin; ; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      const status = await this.#post(request)
      if (status === 200) return
      if (this.#stopping.signal.aborted) throw new Error('the crowd was stopped')
      if (status === 429) this.#throttled++
      else if (status >= 400 && status < 500) throw new Error(`the POP answered ${status}`)
      this.#resent++
      await wait(retryMs)
    }
  }

  /** The status of the answer, 0 for none. */
  async #post({ batch, sentAtMs }: Request): Promise<number> {
    const { popUrl, writeKey } = this.#options
    const sentAt = new Date(sentAtMs).toISOString()
    try {
      const response = await fetch(`${popUrl}/v1/batch`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${writeKey}:`)}` },
        body: JSON.stringify({ batch, sentAt }),
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(answerTimeMaxMs)]),
      })
      await response.arrayBuffer()
      if (response.status === 429 && !response.headers.has('retry-after')) this.#untimed++
      return response.status
    } catch {
      return 0
    }
  }
}

function plan(options: CrowdOptions) {
  const random = seededRandom(options.seed)
  const byVisitor = new Map<string, string[]>()
  const refused = new Map<string, number>()
  const queues: Request[][] = []
  const eventsPerVisitor = Math.ceil(options.events / options.visitors)
  for (let number = 0; number < options.visitors; number++) {
    const visitor = `s${options.seed}-v${number}`
    const ids: string[] = []
    const queue: Request[] = []
    // The clock of a device is wrong by the same amount in everything it sends.
    const firstItem = random.integer(0, itemsOfShop - 1)
    const skewMs = random.integer(-(options.skewMsMax ?? 0), options.skewMsMax ?? 0)
    for (let made = 0; made < eventsPerVisitor; ) {
      const size = Math.min(eventsPerVisitor - made, random.integer(1, eventsPerRequest * 2 - 1))
      const sentAtMs = Date.now() + skewMs
      const batch = Array.from({ length: size }, (_, index) =>
        eventOf({ visitor, number: made + index, firstItem }, sentAtMs, random, options),
      )
      for (const { event, refusedFor } of batch) {
        if (refusedFor) refused.set(refusedFor, (refused.get(refusedFor) ?? 0) + 1)
        else ids.push(event.messageId)
      }
      const isRepeated = random.chance(options.repeated ?? 0)
      queue.push({ batch: batch.map(({ event }) => event), sentAtMs, isRepeated })
      made += size
    }
    byVisitor.set(`a:${visitor}`, ids)
    queues.push(queue)
  }
  const events = [...byVisitor.values()].reduce((sum, ids) => sum + ids.length, 0)
  return { queues, sent: { byVisitor, refused, events } }
}

const badness = [
  ['out_of_range', { properties: { quantity: -1 } }],
  ['timestamp_out_of_range', { timestamp: '1970-01-01T00:00:00Z' }],
  ['unknown_type', { type: 'purchase' }],
] as const

function eventOf(
  { visitor, number, firstItem }: { visitor: string; number: number; firstItem: number },
  sentAtMs: number,
  random: Random,
  { bad = 0, lateMsMax = 0, paddingCharacters = 0 }: CrowdOptions,
) {
  const event = {
    type: 'track',
    event: 'Product Viewed',
    messageId: `${visitor}-${String(number).padStart(6, '0')}`,
    anonymousId: visitor,
    timestamp: new Date(sentAtMs - random.integer(0, lateMsMax)).toISOString(),
    // Each looks at one item after another, so that there is something to learn from few visitors.
    properties: {
      product_id: `item-${(firstItem + number) % itemsOfShop}`,
      ...(paddingCharacters > 0 && { note: 'n'.repeat(paddingCharacters) }),
    },
  }
  if (!random.chance(bad)) return { event, refusedFor: null }
  const [refusedFor, change] = random.pick(badness)
  return { event: { ...event, ...change }, refusedFor }
}
