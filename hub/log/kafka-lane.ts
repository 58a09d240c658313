/** The way into one partition: what waits together is sent together, one batch at a time, in order. */

import { LogError, type LogMessage } from './log.ts'

/** Messages of one append that go to this partition. */
interface Waiting {
  readonly messages: readonly LogMessage[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

// A broker takes a batch of about a megabyte; four bytes a character is the worst that UTF-8 does.
const batchCharactersMax = 900_000 / 4
const batchMessagesMax = 5_000

/** Characters of messages waiting in all lanes of a log together. */
export class WaitingRoom {
  readonly #charactersMax: number
  #characters = 0

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax
  }

  enter(characters: number): void {
    if (this.#characters + characters > this.#charactersMax)
      throw new LogError('overloaded', 'too much waits to be written to Kafka')
    this.#characters += characters
  }

  leave(characters: number): void {
    this.#characters -= characters
  }
}

export class KafkaLane {
  readonly #send: (messages: readonly LogMessage[]) => Promise<void>
  readonly #waiting: Waiting[] = []
  #sending = false

  constructor(send: (messages: readonly LogMessage[]) => Promise<void>) {
    this.#send = send
  }

  /** Resolves when the messages are on all in-sync replicas. */
  append(messages: readonly LogMessage[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject })
      if (!this.#sending) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#sending = true
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#send(batch.flatMap((part) => part.messages))
        for (const part of batch) part.resolve()
      } catch (error) {
        for (const part of batch) part.reject(error)
      }
    }
    this.#sending = false
  }

  #takeBatch(): Waiting[] {
    let messages = 0
    let characters = 0
    let count = 0
    for (const part of this.#waiting) {
      messages += part.messages.length
      characters += charactersOf(part.messages)
      if (count > 0 && (messages > batchMessagesMax || characters > batchCharactersMax)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}

/** Slices of messages that each fit in one batch. */
export function slices(messages: readonly LogMessage[]): LogMessage[][] {
  const result: LogMessage[][] = []
  let current: LogMessage[] = []
  let characters = 0
  for (const message of messages) {
    const more = charactersOf([message])
    if (
      current.length >= batchMessagesMax ||
      (current.length > 0 && characters + more > batchCharactersMax)
    ) {
      result.push(current)
      current = []
      characters = 0
    }
    current.push(message)
    characters += more
  }
  if (current.length > 0) result.push(current)
  return result
}

export function charactersOf(messages: readonly LogMessage[]): number {
  return messages.reduce(
    (sum, { key, identity, value }) => sum + key.length + identity.length + value.length,
    0,
  )
}
