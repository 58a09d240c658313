/** Visitors' messages on their way through a log: each visitor sends the next when the last was acknowledged. */

import { expect } from 'vitest'
import { type Log, LogError, type LogMessage } from '#hub/log/log.ts'

export interface Traffic {
  readonly visitors: number
  /** The number of each visitor's first message. */
  readonly firstNumber: number
  readonly messagesPerVisitor: number
  /** Messages of one visitor in one append. */
  readonly messagesPerAppend: number
}

export interface Acknowledged {
  /** Appends that were refused as retryable, and made again. */
  readonly refused: number
}

/** Appends all of it, again where that was refused; calls back as the messages are acknowledged. */
export async function appendTraffic(
  log: Log,
  topic: string,
  { visitors, firstNumber, messagesPerVisitor, messagesPerAppend }: Traffic,
  onAcknowledged: (total: number) => void = () => undefined,
): Promise<Acknowledged> {
  let refused = 0
  let total = 0
  const sendAll = async (visitor: number) => {
    for (let from = 0; from < messagesPerVisitor; from += messagesPerAppend) {
      const count = Math.min(messagesPerAppend, messagesPerVisitor - from)
      refused += await appendUntilTaken(log, topic, messagesOf(visitor, firstNumber + from, count))
      total += count
      onAcknowledged(total)
    }
  }
  await Promise.all(Array.from({ length: visitors }, (_, visitor) => sendAll(visitor)))
  return { refused }
}

async function appendUntilTaken(log: Log, topic: string, messages: LogMessage[]): Promise<number> {
  for (let refused = 0; ; refused++) {
    try {
      await log.append(topic, messages)
      return refused
    } catch (error) {
      if (!(error instanceof LogError) || !error.retryable) throw error
    }
  }
}

/** Numbered messages of one visitor, each naming itself in its content. */
export function messagesOf(visitor: number, from: number, count: number): LogMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `shop visitor-${visitor}`,
    identity: `${visitor}-${from + index}`,
    value: `${visitor}-${from + index} `.padEnd(200, 'x'),
  }))
}

/** What a handler was given, as far as it matters here. */
interface Handled {
  readonly messages: readonly LogMessage[]
}

/** What became of messages, in figures: all zero but `repeated` is what a log promises. */
export interface Fate {
  readonly missing: number
  /** Messages that came, at first, after a later one of the same visitor. */
  readonly disordered: number
  /** Messages whose content is not what their identity says. */
  readonly falsified: number
  /** Messages that came again, told by their identity. */
  readonly repeated: number
}

/** Compares what arrived, in the order it arrived, with how many different messages should have. */
export function fateOf(chunks: readonly Handled[], expected: number): Fate {
  const seen = new Set<string>()
  const newest = new Map<string, number>()
  let [disordered, falsified, repeated] = [0, 0, 0]
  for (const { key, identity, value } of chunks.flatMap((chunk) => chunk.messages)) {
    if (value.trimEnd().split(' ')[0] !== identity) falsified++
    if (seen.has(identity)) {
      repeated++
      continue
    }
    seen.add(identity)
    const number = Number(identity.split('-')[1])
    if (number < (newest.get(key) ?? 0)) disordered++
    newest.set(key, number)
  }
  return { missing: expected - seen.size, disordered, falsified, repeated }
}

/** Nothing missing, nothing out of order, nothing changed; repetitions are told by their identity. */
export function expectAllThere(fate: Fate): void {
  expect(fate).toMatchObject({ missing: 0, disordered: 0, falsified: 0 })
}
