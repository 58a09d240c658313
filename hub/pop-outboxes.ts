import type { OutboxReport } from '#shared/contract.ts'

const minuteMs = 60_000
/** How long a report counts: long enough that several scrapes see it. */
const minutesKept = 5
/** The POPs with the newest deliveries; each is a few series and 300 bytes. */
const popsMax = 200
/** As long as a POP's settings let its name be. */
const popCharactersMax = 64

interface Minute {
  readonly minute: number
  batches: number
  batchesMax: number
  bytesMax: number
  oldestAgeMsMax: number
}

interface Heard {
  lastDeliveryAtMs: number
  minutes: Minute[]
}

/** What a POP's outboxes reported in the last minutes; `reported` is null where none did. */
export interface PopOutbox {
  readonly pop: string
  readonly lastDeliveryAtMs: number
  readonly reported: Omit<Minute, 'minute'> | null
}

/**
 * What the hub hears of outboxes it cannot ask: an object of Cloudflare's network is known to nobody until
 * it delivers. Kept by POP and minute, so that neither visitors nor time make it grow.
 */
export class PopOutboxes {
  readonly #pops = new Map<string, Heard>()

  heard(popName: string, report: OutboxReport | undefined, nowMs: number): void {
    const pop = popName.slice(0, popCharactersMax)
    const heard = this.#pops.get(pop) ?? { lastDeliveryAtMs: nowMs, minutes: [] }
    heard.lastDeliveryAtMs = nowMs
    if (report) add(minuteOf(heard, nowMs), report)
    // Put last again: the first is then the one that has been silent for longest.
    this.#pops.delete(pop)
    this.#pops.set(pop, heard)
    const [longestSilent] = this.#pops.keys()
    if (this.#pops.size > popsMax && longestSilent !== undefined) this.#pops.delete(longestSilent)
  }

  all(nowMs: number): PopOutbox[] {
    return Array.from(this.#pops, ([pop, { lastDeliveryAtMs, minutes }]) => ({
      pop,
      lastDeliveryAtMs,
      reported: together(recent(minutes, nowMs)),
    }))
  }
}

function recent(minutes: readonly Minute[], nowMs: number): Minute[] {
  const first = Math.floor(nowMs / minuteMs) - minutesKept
  return minutes.filter(({ minute }) => minute > first)
}

function minuteOf(heard: Heard, nowMs: number): Minute {
  const minute = Math.floor(nowMs / minuteMs)
  const last = heard.minutes.at(-1)
  if (last?.minute === minute) return last
  const next = { minute, batches: 0, batchesMax: 0, bytesMax: 0, oldestAgeMsMax: 0 }
  heard.minutes = [...recent(heard.minutes, nowMs), next]
  return next
}

function add(minute: Minute, { batches, bytes, oldestAgeMs }: OutboxReport): void {
  minute.batches += batches
  minute.batchesMax = Math.max(minute.batchesMax, batches)
  minute.bytesMax = Math.max(minute.bytesMax, bytes)
  minute.oldestAgeMsMax = Math.max(minute.oldestAgeMsMax, oldestAgeMs)
}

function together(minutes: readonly Minute[]): PopOutbox['reported'] {
  if (minutes.length === 0) return null
  const largest = (of: (minute: Minute) => number) => Math.max(...minutes.map(of))
  return {
    batches: minutes.reduce((total, { batches }) => total + batches, 0),
    batchesMax: largest(({ batchesMax }) => batchesMax),
    bytesMax: largest(({ bytesMax }) => bytesMax),
    oldestAgeMsMax: largest(({ oldestAgeMsMax }) => oldestAgeMsMax),
  }
}
