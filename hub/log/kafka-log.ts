/** The log on Apache Kafka, through kafkajs, with what its 2.2.4 needs to lose nothing. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, type Kafka, Partitioners } from 'kafkajs'
import type { Backoff } from './backoff.ts'
import { type KafkaAccess, kafkaClient, retryForever } from './kafka-client.ts'
import { KafkaConsumption } from './kafka-consumption.ts'
import { partitionLags } from './kafka-lag.ts'
import { charactersOf, KafkaLane, slices, WaitingRoom } from './kafka-lane.ts'
import { heartbeatMs, joinGroup } from './kafka-membership.ts'
import { KafkaSender, unavailable } from './kafka-sender.ts'
import type { KafkaSettings } from './kafka-settings.ts'
import { countPartitions, topicName } from './kafka-topics.ts'
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
} from './log.ts'

export interface KafkaLogOptions extends Partial<KafkaSettings>, Partial<KafkaAccess> {
  readonly brokers: readonly string[]
  /** How long an append waits for its acknowledgement; after that the message may still arrive. */
  readonly appendTimeoutMs?: number
  /** How long a consumer may be silent before the group gives its partitions to others. */
  readonly sessionTimeoutMs?: number
  readonly waitingCharactersMax?: number
  readonly retryBackoff?: Backoff
  readonly nowMs: () => number
}

const defaults = {
  clientId: 'shelfedge-hub',
  tls: false,
  sasl: null,
  topicPrefix: '',
  replicationFactor: -1,
  compression: 'snappy',
  appendTimeoutMs: 30_000,
  sessionTimeoutMs: 30_000,
  waitingCharactersMax: 64_000_000,
  retryBackoff: { firstMs: 100, longestMs: 30_000 },
  onLog: () => undefined,
} as const

const closeTimeoutMs = 5_000
const adminRetries = 5

/** The log on a Kafka cluster; connects when it is first used. */
export function openKafkaLog(options: KafkaLogOptions): Log {
  return new KafkaLog({ ...defaults, ...options })
}

class KafkaLog implements Log {
  readonly #options: Required<KafkaLogOptions>
  readonly #kafka: Kafka
  readonly #sender: KafkaSender
  readonly #lanes = new Map<string, Promise<KafkaLane[]>>()
  readonly #room: WaitingRoom
  readonly #consumptions = new Set<KafkaConsumption>()
  readonly #partitionOf = Partitioners.DefaultPartitioner()
  #admin: Promise<Admin> | null = null
  #closed = false

  constructor(options: Required<KafkaLogOptions>) {
    this.#options = options
    this.#room = new WaitingRoom(options.waitingCharactersMax)
    this.#kafka = kafkaClient(options)
    this.#sender = new KafkaSender(this.#kafka, options.compression)
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
    const name = topicName(this.#options, topic)
    const { sessionTimeoutMs, retryBackoff } = this.#options
    const consumption = new KafkaConsumption({
      join: async (eachBatch) => {
        const { lingerMs } = { ...chunkDefaults, ...options }
        const membership = { topic: name, groupId: groupIdOf(name, group), lingerMs }
        const admin = await this.#connectedAdmin()
        return joinGroup(this.#kafka, admin, { ...membership, sessionTimeoutMs }, eachBatch)
      },
      ...{ topic: name, handle, options, backoff: retryBackoff },
      heartbeatMs: heartbeatMs(sessionTimeoutMs),
    })
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
    const name = topicName(this.#options, topic)
    const admin = await this.#connectedAdmin()
    try {
      return await partitionLags(admin, name, groupIdOf(name, group), this.#options.nowMs())
    } catch (error) {
      throw unavailable(error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#consumptions].map((consumption) => consumption.stop()))
    // What never reached a broker is still trying to, and kafkajs cannot be told to stop.
    const disconnected = Promise.allSettled([
      this.#sender.disconnect(),
      this.#admin?.then((admin) => admin.disconnect()),
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

  #connectedAdmin(): Promise<Admin> {
    this.#admin ??= this.#connectAdmin().catch((error) => {
      this.#admin = null
      throw unavailable(error)
    })
    return this.#admin
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin({ retry: { ...retryForever, retries: adminRetries } })
    await admin.connect()
    return admin
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
    const partitions = await countPartitions(() => this.#connectedAdmin(), this.#options, topic)
    const name = topicName(this.#options, topic)
    return Array.from(
      { length: partitions },
      (_, partition) => new KafkaLane((messages) => this.#sender.send(name, partition, messages)),
    )
  }
}

// A group a topic: kafkajs hands topics to members of a group that have not subscribed to them.
function groupIdOf(name: string, group: string): string {
  return `${group}.${name}`
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
