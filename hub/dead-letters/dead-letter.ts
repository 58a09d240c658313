import { createHash } from 'node:crypto'

/** Where in the log a message lies, and by what the log tells it. */
export interface MessagePlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly identity: string
  readonly appendedAtMs: number
}

/** The record's place in its batch, and what the batch says of it. */
export interface BatchPlace {
  readonly site: string
  readonly visitor: string
  readonly epoch: number
  readonly sequence: number
  readonly position: number
  readonly pop: string
  readonly region: string
}

/** Something that may have to be kept as it came: one record of a batch, or a message as a whole (`batch` null). */
export interface Original {
  readonly message: MessagePlace
  readonly batch: BatchPlace | null
  /** As it was in the log; called only where it has to be kept. */
  readonly text: () => string
  readonly encoding: Encoding
}

export const deadLetterStates = ['waiting', 'replayed', 'discarded'] as const
export type DeadLetterState = (typeof deadLetterStates)[number]

/** `base64` for the bytes of a message that are not text in UTF-8. */
export type Encoding = 'text' | 'base64'

/** Why the hub could not take a record. `unknown_kind` and `invalid_record` are one record's, `not_…` a message's. */
export type DeadLetterReason =
  | 'not_text'
  | 'not_json'
  | 'not_a_batch'
  | 'too_many_bad_records'
  | 'unknown_kind'
  | 'invalid_record'
  | 'record_failed'
  | 'unstorable_row'

export interface Fault {
  readonly reason: DeadLetterReason
  /** A sentence for the operator. */
  readonly detail: string
}

/** A record that could not be read or stored, whole, and what became of it. */
export interface DeadLetter extends Fault {
  readonly id: string
  readonly message: MessagePlace
  readonly batch: BatchPlace | null
  readonly record: string
  readonly encoding: Encoding
  readonly attempts: number
  readonly state: DeadLetterState
  readonly changedAtMs: number
  readonly changedBy: string
  readonly version: number
}

const detailCharactersMax = 500

/** A new letter; the same original makes the same letter, whenever and however often it is read. */
export function deadLetterOf(original: Original, { reason, detail }: Fault): DeadLetter {
  const { message, batch, encoding } = original
  return {
    ...{ id: deadLetterId(original), message, batch, reason, detail: shortened(detail) },
    ...{ record: original.text(), encoding, attempts: 0, state: 'waiting', version: 0 },
    ...{ changedAtMs: message.appendedAtMs, changedBy: 'hub' },
  }
}

/** 80 bits of hash in hexadecimal: short enough for a terminal and safe in an address. */
export function deadLetterId({ message, batch }: Pick<Original, 'message' | 'batch'>): string {
  const { topic, partition, offset, identity } = message
  // A message that somebody else wrote into the log may have no identity of its own.
  const named = identity === '' ? [topic, partition, offset] : [topic, identity]
  const text = JSON.stringify([...named, batch?.position ?? null])
  return createHash('sha256').update(text).digest('hex').slice(0, 20)
}

export interface Change {
  readonly atMs: number
  readonly by: string
}

/** The letter after a replay; `fault` null: its records are stored. */
export function afterReplay(letter: DeadLetter, fault: Fault | null, change: Change): DeadLetter {
  const attempts = letter.attempts + 1
  if (fault === null) return changed({ ...letter, attempts, state: 'replayed' }, change)
  const { reason, detail } = fault
  return changed({ ...letter, attempts, reason, detail: shortened(detail) }, change)
}

/** The letter after it was given up; it stays to be looked at, and can still be replayed. */
export function afterDiscard(letter: DeadLetter, change: Change): DeadLetter {
  return changed({ ...letter, state: 'discarded' }, change)
}

function changed(letter: DeadLetter, { atMs, by }: Change): DeadLetter {
  return { ...letter, changedAtMs: atMs, changedBy: by, version: letter.version + 1 }
}

function shortened(detail: string): string {
  return detail.length > detailCharactersMax ? `${detail.slice(0, detailCharactersMax)}…` : detail
}
