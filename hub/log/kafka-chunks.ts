/** How fetched messages are cut into chunks: as planned before a crash, or else within bounds. Pure. */

import { charactersOf } from './kafka-lane.ts'
import type { LogChunk, StoredMessage } from './log.ts'

export interface ChunkBounds {
  readonly chunkMessagesMax: number
  readonly chunkCharactersMax: number
}

/** How many of the messages, one at least, make the next chunk; null while its planned end is still to be fetched. */
export function chunkLength(
  messages: readonly StoredMessage[],
  plannedLast: bigint | null,
  bounds: ChunkBounds,
): number | null {
  if (plannedLast === null) return boundedLength(messages, bounds)
  const beyond = messages.findIndex(({ offset }) => offset > plannedLast)
  // Retention took all that was planned: there is nothing left to repeat.
  if (beyond === 0) return boundedLength(messages, bounds)
  if (beyond > 0) return beyond
  return messages.at(-1)?.offset === plannedLast ? messages.length : null
}

function boundedLength(
  messages: readonly StoredMessage[],
  { chunkMessagesMax, chunkCharactersMax }: ChunkBounds,
): number {
  let characters = 0
  for (const [index, message] of messages.entries()) {
    characters += charactersOf([message])
    if (index > 0 && (index >= chunkMessagesMax || characters > chunkCharactersMax)) return index
  }
  return messages.length
}

export function toChunk(
  topic: string,
  partition: number,
  messages: readonly StoredMessage[],
): LogChunk {
  const firstOffset = messages[0]?.offset ?? 0n
  const lastOffset = messages.at(-1)?.offset ?? firstOffset
  return { topic, partition, firstOffset, lastOffset, messages }
}

/** A plan as it lies in the metadata of a committed offset, where people see it in the group's description. */
export function planText(plannedLast: bigint): string {
  return `planned-last=${plannedLast}`
}

/** The planned last offset; null where there is none, or another program wrote what it likes. */
export function readPlan(metadata: string | null): bigint | null {
  const digits = /^planned-last=(\d{1,19})$/.exec(metadata ?? '')?.[1]
  return digits === undefined ? null : BigInt(digits)
}
