/** The log on Apache Kafka, through kafkajs, with what its 2.2.4 needs to lose nothing. */

import { isUtf8 } from 'node:buffer'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Admin,
  CompressionTypes,
  type EachBatchPayload,
  Kafka,
  type KafkaConfig,
  type KafkaMessage,
  logLevel,
  Partitioners,
  type Producer,
} from 'kafkajs'
import type { Backoff } from './backoff.ts'
import { type FetchedBatch, KafkaConsumption, type StartConsumer } from './kafka-consumption.ts'
import { timeOfOffset } from './kafka-lag.ts'
import { charactersOf, KafkaLane, slices, WaitingRoom } from './kafka-lane.ts'
import {
  type Appended,
  assertMessages,
  type ConsumeOptions,
  type Consumption,
  chunkDefaults,
  type Log,
  type LogChunk,
  LogError,
  type LogMessage,
  type PartitionLag,
  type StoredMessage,
} from './log.ts'

export interface KafkaLogOptions {
  readonly brokers: readonly string[]
  readonly clientId?: string
  readonly ssl?: KafkaConfig['ssl']
  readonly sasl?: KafkaConfig['sasl']
  /** Partitions of a topic that is made here; one that exists keeps its own. */
  readonly partitionsPerTopic?: number
  /** Replicas of a topic that is made here; -1 leaves it to the broker. */
  readonly replicationFactor?: number
  /** How long an append waits for its acknowledgement; after that the message may still arrive. */
  readonly appendTimeoutMs?: number
  readonly waitingCharactersMax?: number
  readonly retryBackoff?: Backoff
  /** Told what kafkajs has to say, from warnings on. */
  readonly onLog?: (message: string, fields: Record<string, unknown>) => void
  readonly nowMs: () => number
}

const defaults = {
  clientId: 'shelfedge-hub',
  ssl: undefined,
  sasl: undefined,
  partitionsPerTopic: 6,
  replicationFactor: -1,
  appendTimeoutMs: 30_000,
  waitingCharactersMax: 64_000_000,
  retryBackoff: { firstMs: 100, longestMs: 30_000 },
  onLog: () => undefined,
} as const

type Options = {
  [Name in keyof typeof defaults]: NonNullable<KafkaLogOptions[Name]> | (typeof defaults)[Name]
} & {
  readonly brokers: readonly string[]
  readonly nowMs: () => number
}

// For ever: with its own number of retries kafkajs ends a producer whose broker was away for a minute.
const retry = { initialRetryTime: 100, maxRetryTime: 5_000, retries: Number.MAX_SAFE_INTEGER }
const closeTimeoutMs = 5_000

/** The log on a Kafka cluster; connects when it is first used. */
export function openKafkaLog(options: KafkaLogOptions): Log {
  return new KafkaLog({ ...defaults, ...options } as Options)
}

class KafkaLog implements Log {
  readonly #options: Options
  readonly #kafka: Kafka
  readonly #admin: Admin
  readonly #lanes = new Map<string, Promise<KafkaLane[]>>()
  readonly #room: WaitingRoom
  readonly #consumptions = new Set<KafkaConsumption>()
  readonly #partitionOf = Partitioners.DefaultPartitioner()
  #adminReady: Promise<void> | null = null
  #producer: Promise<Producer> | null = null
  #closed = false

  constructor(options: Options) {
    this.#options = options
    this.#room = new WaitingRoom(options.waitingCharactersMax)
    const { clientId, brokers, ssl, sasl, onLog } = options
    this.#kafka = new Kafka({
      clientId,
      brokers: [...brokers],
      ...(ssl && { ssl }),
      ...(sasl && { sasl }),
      retry,
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => onLog(entry.log.message, { label: entry.label, ...entry.log }),
    })
    this.#admin = this.#kafka.admin({ retry: { ...retry, retries: 5 } })
  }

  async append(topic: string, messages: readonly LogMessage[]): Promise<Appended> {
    this.#assertOpen()
    assertMessages(messages)
    const characters = charactersOf(messages)
    this.#room.enter(characters)
    const sent = this.#send(topic, messages).finally(() => this.#room.leave(characters))
    await withTimeout(sent, this.#options.appendTimeoutMs)
    return { appended: messages.length, duplicates: 0 }
  }

  async consume(
    topic: string,
    group: string,
    handle: (chunk: LogChunk) => Promise<void>,
    options: ConsumeOptions = {},
  ): Promise<Consumption> {
    this.#assertOpen()
    await this.#topicLanes(topic)
    const start = this.#consumerStarter(topic, group, options.lingerMs ?? chunkDefaults.lingerMs)
    const { retryBackoff } = this.#options
    const consumption = new KafkaConsumption(start, topic, handle, options, retryBackoff)
    await consumption.start()
    this.#consumptions.add(consumption)
    return { stop: () => consumption.stop().finally(() => this.#consumptions.delete(consumption)) }
  }

  async size(): Promise<null> {
    return null
  }

  async lag(topic: string, group: string): Promise<readonly PartitionLag[]> {
    this.#assertOpen()
    await this.#topicLanes(topic)
    const [ends, groups] = await Promise.all([
      this.#admin.fetchTopicOffsets(topic),
      this.#admin.fetchOffsets({ groupId: groupIdOf(topic, group), topics: [topic] }),
    ])
    const committed = new Map(groups[0]?.partitions.map((at) => [at.partition, BigInt(at.offset)]))
    const byPartition = ends.toSorted((one, two) => one.partition - two.partition)
    return Promise.all(
      byPartition.map(({ partition, low, high }) => {
        const position = committed.get(partition) ?? -1n
        const first = position < BigInt(low) ? BigInt(low) : position
        return this.#partitionLag(topic, partition, first, BigInt(high))
      }),
    )
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#consumptions].map((consumption) => consumption.stop()))
    // What never reached a broker is still trying to, and kafkajs cannot be told to stop.
    const disconnected = Promise.allSettled([
      this.#producer?.then((producer) => producer.disconnect()),
      this.#adminReady?.then(() => this.#admin.disconnect()),
    ])
    await Promise.race([disconnected, sleep(closeTimeoutMs, undefined, { ref: false })])
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogError('closed', 'the log is closed')
  }

  async #send(topic: string, messages: readonly LogMessage[]): Promise<void> {
    const lanes = await this.#topicLanes(topic)
    const partitionMetadata = lanes.map((_, partitionId) => ({ partitionId, leader: 0 })) as never
    const byPartition = Map.groupBy(messages, ({ key, value }) =>
      this.#partitionOf({ topic, partitionMetadata, message: { key, value } }),
    )
    const parts = [...byPartition].flatMap(([partition, own]) =>
      slices(own).map((slice) => lanes[partition]?.append(slice)),
    )
    await Promise.allSettled(parts)
    await Promise.all(parts)
  }

  // One partition a send: of a send over several, kafkajs forgets those whose leader moved (tulios/kafkajs#1303).
  async #sendBatch(
    topic: string,
    partition: number,
    messages: readonly LogMessage[],
  ): Promise<void> {
    const producer = await this.#connectedProducer()
    try {
      const metadata = await producer.send({
        topic,
        acks: -1,
        compression: CompressionTypes.GZIP,
        messages: messages.map(({ key, identity, value }) => ({
          key,
          value,
          partition,
          headers: { identity },
        })),
      })
      if (
        metadata.length !== 1 ||
        metadata[0]?.partition !== partition ||
        metadata[0].errorCode !== 0
      )
        throw new Error(`Kafka did not acknowledge partition ${partition} of ${topic}`)
    } catch (error) {
      this.#discard(producer)
      throw unavailable(error)
    }
  }

  #connectedAdmin(): Promise<void> {
    this.#adminReady ??= this.#admin.connect().catch((error) => {
      this.#adminReady = null
      throw unavailable(error)
    })
    return this.#adminReady
  }

  #connectedProducer(): Promise<Producer> {
    this.#producer ??= (async () => {
      const producer = this.#kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry,
      })
      await producer.connect()
      return producer
    })()
    this.#producer.catch(() => {
      this.#producer = null
    })
    return this.#producer
  }

  // After an error the sequence of a producer may be ahead of the broker's: what it sends next can be taken
  // for a repetition and dropped while it is acknowledged.
  #discard(producer: Producer): void {
    void this.#producer?.then((current) => {
      if (current === producer) this.#producer = null
    })
    void producer.disconnect().catch(() => undefined)
  }

  #consumerStarter(topic: string, group: string, lingerMs: number): StartConsumer {
    return async (eachBatch, onGivenUp) => {
      const consumer = this.#kafka.consumer({
        groupId: groupIdOf(topic, group),
        // Data wakes the fetch at once, or, where a chunk may wait, when there is a megabyte of it.
        minBytes: lingerMs > 0 ? 1_000_000 : 1,
        maxWaitTimeInMs: lingerMs > 0 ? lingerMs : 1_000,
        retry,
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) onGivenUp(payload.error)
      })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 3,
        eachBatch: (payload) => eachBatch(toFetched(payload)),
      })
      return () => consumer.disconnect()
    }
  }

  #topicLanes(topic: string): Promise<KafkaLane[]> {
    const known = this.#lanes.get(topic)
    if (known) return known
    const lanes = this.#makeLanes(topic)
    this.#lanes.set(topic, lanes)
    lanes.catch(() => this.#lanes.delete(topic))
    return lanes
  }

  async #makeLanes(topic: string): Promise<KafkaLane[]> {
    const partitions = await this.#ensureTopic(topic)
    return Array.from(
      { length: partitions },
      (_, partition) => new KafkaLane((messages) => this.#sendBatch(topic, partition, messages)),
    )
  }

  /** The number of partitions of a topic, which is made if need be. */
  async #ensureTopic(topic: string): Promise<number> {
    await this.#connectedAdmin()
    const { partitionsPerTopic: numPartitions, replicationFactor } = this.#options
    for (let attempt = 0; attempt < 20; attempt++) {
      const partitions = await this.#countPartitions(topic)
      if (partitions > 0) return partitions
      // It may say that the topic is unknown though it has just made it, or that another was first: look again.
      await this.#admin
        .createTopics({ topics: [{ topic, numPartitions, replicationFactor }] })
        .catch((error: Error) => this.#options.onLog(error.message, { topic }))
      await sleep(100)
    }
    throw new LogError('unavailable', `Kafka has no topic ${topic}, and did not make it`)
  }

  // Listed first: asking for the metadata of a topic that is not there can make it, with the broker's defaults.
  async #countPartitions(topic: string): Promise<number> {
    if (!(await this.#admin.listTopics()).includes(topic)) return 0
    const metadata = await this.#admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null)
    const partitions = metadata?.topics[0]?.partitions ?? []
    return partitions.every((partition) => partition.leader >= 0) ? partitions.length : 0
  }

  async #partitionLag(
    topic: string,
    partition: number,
    first: bigint,
    end: bigint,
  ): Promise<PartitionLag> {
    if (first >= end) return { partition, messages: 0, oldestAppendedAtMs: null }
    const offsetsAt = async (timeMs: number) => {
      const offsets = await this.#admin.fetchTopicOffsetsByTimestamp(topic, timeMs)
      return new Map(offsets.map((at) => [at.partition, BigInt(at.offset)]))
    }
    const oldestAppendedAtMs = await timeOfOffset(
      offsetsAt,
      partition,
      first,
      this.#options.nowMs(),
    )
    return { partition, messages: Number(end - first), oldestAppendedAtMs }
  }
}

function toFetched(payload: EachBatchPayload): FetchedBatch {
  const { batch, heartbeat, resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets } = payload
  return {
    partition: batch.partition,
    messages: batch.messages.map(toStored),
    isCurrent: () => payload.isRunning() && !payload.isStale(),
    heartbeat,
    // Not consumer.commitOffsets(): that ends the consumer for good when its membership has expired.
    commit: async (lastOffset) => {
      resolveOffset(String(lastOffset))
      await commitOffsetsIfNecessary(uncommittedOffsets())
    },
  }
}

function toStored({ key, value, headers, offset, timestamp }: KafkaMessage): StoredMessage {
  return {
    key: key?.toString() ?? '',
    identity: headers?.identity?.toString() ?? '',
    value: value?.toString() ?? '',
    offset: BigInt(offset),
    appendedAtMs: Number(timestamp),
    ...(value && !isUtf8(value) && { bytes: value }),
  }
}

// A group a topic: kafkajs hands topics to members of a group that have not subscribed to them.
function groupIdOf(topic: string, group: string): string {
  return `${group}.${topic}`
}

function unavailable(error: unknown): LogError {
  if (error instanceof LogError) return error
  return new LogError(
    'unavailable',
    `Kafka: ${error instanceof Error ? error.message : error}`,
    error,
  )
}

async function withTimeout(sent: Promise<void>, timeoutMs: number): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () =>
      late.reject(new LogError('unavailable', `Kafka acknowledged nothing for ${timeoutMs} ms`)),
    timeoutMs,
  )
  try {
    await Promise.race([sent, late.promise])
  } catch (error) {
    sent.catch(() => undefined)
    throw unavailable(error)
  } finally {
    clearTimeout(timer)
  }
}
