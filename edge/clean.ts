import type { RefusalRecord } from '#shared/contract.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { visitorKey } from '#shared/id.ts'
import { limits } from '#shared/limits.ts'
import { type Envelope, readEvent } from '#shared/read-event.ts'
import type { Refusal } from '#shared/refusal.ts'
import { visitorsOfRefused } from '#shared/refusal-names.ts'

export interface Rejected extends Refusal {
  readonly index: number
  readonly messageId: string | null
}

/** The events of a request, by visitor and in their order; and what was refused, with reasons. */
export interface Cleaned {
  readonly visitors: ReadonlyMap<string, readonly ShelfEvent[]>
  readonly rejected: readonly Rejected[]
  readonly refusals: readonly RefusalRecord[]
  /** The POP's clock when the request arrived, epoch ms. */
  readonly receivedAt: number
}

/** The second stage: each event for itself; one that is refused never sinks its neighbours. */
export function clean(raw: readonly unknown[], envelope: Envelope): Cleaned {
  const visitors = new Map<string, ShelfEvent[]>()
  const rejected: Rejected[] = []
  const refusals: RefusalRecord[] = []
  for (const [index, event] of raw.entries()) {
    const outcome = readEvent(event, envelope)
    if (outcome.ok) {
      const visitor = visitorKey(outcome.value) as string
      const events = visitors.get(visitor)
      if (events) events.push(outcome.value)
      else visitors.set(visitor, [outcome.value])
    } else {
      const messageId = messageIdOf(event)
      rejected.push({ index, messageId, ...outcome.refusal })
      refusals.push(refusalRecord(event, messageId, outcome.refusal, envelope))
    }
  }
  return { visitors, rejected, refusals, receivedAt: envelope.receivedAt }
}

function refusalRecord(
  event: unknown,
  messageId: string | null,
  refusal: Refusal,
  envelope: Envelope,
): RefusalRecord {
  const visitors = visitorsOfRefused(event, envelope)
  return {
    ...{ kind: 'refusal', at: envelope.receivedAt, messageId: messageId ?? '' },
    ...{ ...refusal, visitors, body: startOf(event) },
  }
}

function messageIdOf(event: unknown): string | null {
  const id = (event as { messageId?: unknown } | null)?.messageId
  return typeof id === 'string' ? id.slice(0, limits.idCharactersMax).toWellFormed() : null
}

/** An event sent by itself may bring the site's key, and a key is not stored. */
function withoutKey(name: string, value: unknown): unknown {
  return name === 'writeKey' ? undefined : value
}

function startOf(event: unknown): string {
  try {
    return JSON.stringify(event, withoutKey)
      .slice(0, limits.refusalBodyCharactersMax)
      .toWellFormed()
  } catch {
    return '(nested too deep to be written)'
  }
}
