/** Sends batches to Kafka, one partition at a time, and never trusts a producer that returned an error. */

import { type Kafka, Partitioners, type Producer, type RecordMetadata } from 'kafkajs'
import { retryForever } from './kafka-client.ts'
import { compressionTypes } from './kafka-codecs.ts'
import type { Compression } from './kafka-settings.ts'
import { LogError, type LogMessage } from './log.ts'

export class KafkaSender {
  readonly #kafka: Kafka
  readonly #compression: number
  #producer: Promise<Producer> | null = null

  constructor(kafka: Kafka, compression: Compression) {
    this.#kafka = kafka
    this.#compression = compressionTypes[compression]
  }

  /**
   * Resolves when the messages are on all in-sync replicas. Throws `unavailable`: they may be there or not.
   *
   * One partition a send: of a send over several, kafkajs forgets those whose leader moved (tulios/kafkajs#1303).
   */
  async send(topic: string, partition: number, messages: readonly LogMessage[]): Promise<void> {
    const producer = await this.#connected()
    try {
      const acknowledged = await producer.send({
        topic,
        acks: -1,
        compression: this.#compression,
        messages: messages.map(({ key, identity, value }) => ({
          ...{ key, value, partition },
          headers: { identity },
        })),
      })
      if (!isOf(partition, acknowledged))
        throw new Error(`Kafka did not acknowledge partition ${partition} of ${topic}`)
    } catch (error) {
      this.#discard(producer)
      throw unavailable(error)
    }
  }

  async disconnect(): Promise<void> {
    const producer = await this.#producer
    await producer?.disconnect()
  }

  #connected(): Promise<Producer> {
    this.#producer ??= this.#connect()
    this.#producer.catch(() => {
      this.#producer = null
    })
    return this.#producer
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: retryForever,
    })
    await producer.connect()
    return producer
  }

  // After an error the sequence of a producer may be behind the broker's: what it sends next is then taken
  // for a repetition, and dropped while it is acknowledged.
  #discard(producer: Producer): void {
    void this.#producer?.then((current) => {
      if (current === producer) this.#producer = null
    })
    void producer.disconnect().catch(() => undefined)
  }
}

function isOf(partition: number, acknowledged: readonly RecordMetadata[]): boolean {
  const [only, ...others] = acknowledged
  return others.length === 0 && only?.partition === partition && only.errorCode === 0
}

/** What the driver threw, as the log's own error. */
export function unavailable(error: unknown): LogError {
  if (error instanceof LogError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new LogError('unavailable', `Kafka: ${reason}`, error)
}
