import { type Emission, type EventBody, isoTime, type Truth } from './emission.ts'
import { at } from './random.ts'
import type { Visitor } from './visitors.ts'
import type { Fact } from './walk.ts'
import type { WrittenEvent } from './write-event.ts'

const recommendationsLimit = 8
const lateBatchEveryMs = 200

/** What of the truth a whole visit shares; the place in the stream is known only when it is sent. */
export type VisitTruth = Pick<Truth, 'visit' | 'bot' | 'late'>

export interface Delivery {
  readonly visitor: Visitor
  readonly truth: VisitTruth
  readonly write: (fact: Fact) => WrittenEvent
}

/**
 * As a browser's SDK sends: a view asks at once, all else is gathered for a moment. A new page sends what was
 * gathered before it, so that a visitor's events leave in the order they happened.
 */
export function deliverLive(
  delivery: Delivery,
  facts: readonly Fact[],
  { flushAfterMs, eventsMax }: { flushAfterMs: number; eventsMax: number },
): Emission[] {
  const emissions: Emission[] = []
  let gathered: Fact[] = []
  const flush = (atMs: number) => {
    if (gathered.length > 0) emissions.push(batchOf(delivery, gathered, atMs))
    gathered = []
  }
  const dueMs = () => Math.round((gathered[0]?.atMs ?? Number.POSITIVE_INFINITY) + flushAfterMs)
  for (const fact of facts) {
    if (dueMs() <= fact.atMs) flush(dueMs())
    if (fact.asksAbout || gathered.length >= eventsMax) flush(fact.atMs)
    if (fact.asksAbout) emissions.push(decideOf(delivery, fact))
    else gathered.push(fact)
  }
  flush(dueMs())
  return emissions
}

/** As a device that is back online: everything it has, in large batches, one soon after the other. */
export function deliverLate(
  delivery: Delivery,
  facts: readonly Fact[],
  { sendAtMs, eventsMax }: { sendAtMs: number; eventsMax: number },
): Emission[] {
  const batches = Math.ceil(facts.length / eventsMax)
  return Array.from({ length: batches }, (_, index) => {
    const part = facts.slice(index * eventsMax, (index + 1) * eventsMax)
    return batchOf(delivery, part, sendAtMs + index * lateBatchEveryMs)
  })
}

function batchOf(delivery: Delivery, facts: readonly Fact[], sendAtMs: number): Emission {
  const written = facts.map(delivery.write)
  const sentAt = isoTime(sendAtMs + delivery.visitor.device.skewMs)
  const body = { batch: eventsIn(written), sentAt }
  return { kind: 'batch', sendAtMs, body, truth: truthOf(delivery, written) }
}

function decideOf(delivery: Delivery, fact: Fact): Emission {
  const { anonymousId } = delivery.visitor
  const written = [delivery.write(fact)]
  const body = {
    anonymousId,
    ...(fact.userId && { userId: fact.userId }),
    placement: 'product-page',
    limit: recommendationsLimit,
    events: eventsIn(written),
    sentAt: at(written, 0).event.timestamp,
  } as const
  return { kind: 'decide', sendAtMs: fact.atMs, body, truth: truthOf(delivery, written) }
}

function eventsIn(written: readonly WrittenEvent[]): EventBody[] {
  return written.map(({ event }) => event)
}

function truthOf({ visitor, truth }: Delivery, written: readonly WrittenEvent[]): Truth {
  const malformed = written.flatMap(({ fault }, index) => (fault ? [{ index, fault }] : []))
  return {
    ...truth,
    sequence: -1, // numbered when it leaves
    uniqueEvents: written.length - malformed.length,
    skewMs: visitor.device.skewMs,
    missingValues: written.reduce((sum, { missingValues }) => sum + missingValues, 0),
    expectedRefusals: malformed.length,
    malformed,
  }
}
