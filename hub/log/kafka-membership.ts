/** One membership in a group of Kafka: what the driver fetched, the group's committed offsets and its plans. */

import { isUtf8 } from 'node:buffer'
import type { Admin, EachBatchPayload, Kafka, KafkaMessage, PartitionOffset } from 'kafkajs'
import { planText, readPlan } from './kafka-chunks.ts'
import { retryForever } from './kafka-client.ts'
import type { LogChunk, StoredMessage } from './log.ts'

/** What the driver fetched of one partition. */
export interface FetchedBatch {
  readonly partition: number
  readonly messages: readonly StoredMessage[]
  /** Another one after each rebalance: what was fetched before it is fetched again. */
  readonly generation: number
  /** The last offset of a chunk that was begun here, by whomever, and not committed. */
  readonly plannedLast: bigint | null
  /** False once the partition may be another member's, or the consumer ends. */
  readonly isCurrent: () => boolean
  readonly heartbeat: () => Promise<void>
  /** Writes down where a chunk ends, before it is handed over. */
  readonly plan: (chunk: LogChunk) => Promise<void>
  readonly commit: (chunk: LogChunk) => Promise<void>
  /** Has the driver fetch what lies after an offset, with nothing committed. */
  readonly readAfter: (offset: bigint) => void
}

export interface Membership {
  /** Resolves with why the driver has given up; a new membership has to be made then. */
  readonly givenUp: Promise<Error>
  readonly end: () => Promise<void>
}

export interface MembershipOptions {
  readonly topic: string
  readonly groupId: string
  readonly lingerMs: number
  readonly sessionTimeoutMs: number
}

interface Position {
  readonly committed: bigint
  readonly plannedLast: bigint | null
}

/** Joins a group; resolves when it is in it. */
export async function joinGroup(
  kafka: Kafka,
  admin: Admin,
  options: MembershipOptions,
  eachBatch: (batch: FetchedBatch) => Promise<void>,
): Promise<Membership> {
  const { topic, groupId, lingerMs, sessionTimeoutMs } = options
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatMs(sessionTimeoutMs),
    // Data wakes the fetch at once, or, where a chunk may wait, when there is a megabyte of it.
    minBytes: lingerMs > 0 ? 1_000_000 : 1,
    maxWaitTimeInMs: lingerMs > 0 ? lingerMs : 1_000,
    // One way back for every end: the driver's own would start again what has been stopped meanwhile.
    retry: { ...retryForever, restartOnFailure: async () => false },
  })
  const positions = new GroupPositions(admin, groupId, topic)
  const givenUp = Promise.withResolvers<Error>()
  consumer.on(consumer.events.CRASH, ({ payload }) => givenUp.resolve(payload.error))
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    positions.startGeneration(payload.memberAssignment[topic] ?? []),
  )
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 3,
    eachBatch: async (payload) => {
      const batch = await toFetched(payload, positions)
      if (batch) await eachBatch(batch)
    },
  })
  return { givenUp: givenUp.promise, end: () => consumer.disconnect() }
}

/** How often a member says that it lives. */
export function heartbeatMs(sessionTimeoutMs: number): number {
  return Math.floor(sessionTimeoutMs / 10)
}

/** Where the group is, as it was when this member got its partitions, and as this member moved it since. */
class GroupPositions {
  readonly #admin: Admin
  readonly #groupId: string
  readonly #topic: string
  #positions: Promise<Map<number, Position>> | null = null
  #partitions: readonly number[] = []
  generation = 0

  constructor(admin: Admin, groupId: string, topic: string) {
    this.#admin = admin
    this.#groupId = groupId
    this.#topic = topic
  }

  startGeneration(partitions: readonly number[]): void {
    this.generation++
    this.#partitions = partitions
    this.#positions = null
  }

  owns(partition: number): boolean {
    return this.#partitions.includes(partition)
  }

  async of(partition: number): Promise<Position> {
    this.#positions ??= this.#fetch()
    this.#positions.catch(() => this.forget())
    return (await this.#positions).get(partition) ?? { committed: -1n, plannedLast: null }
  }

  async moved(partition: number, position: Position): Promise<void> {
    ;(await this.#positions)?.set(partition, position)
  }

  forget(): void {
    this.#positions = null
  }

  async #fetch(): Promise<Map<number, Position>> {
    const request = { groupId: this.#groupId, topics: [this.#topic] }
    const [found] = await this.#admin.fetchOffsets(request)
    return new Map(
      found?.partitions.map(({ partition, offset, metadata }) => [
        partition,
        { committed: BigInt(offset), plannedLast: readPlan(metadata) },
      ]),
    )
  }
}

/** The batch as the log reads it; null where it is not, or no longer, this member's to handle. */
async function toFetched(
  payload: EachBatchPayload,
  positions: GroupPositions,
): Promise<FetchedBatch | null> {
  const { batch, heartbeat, resolveOffset, commitOffsetsIfNecessary } = payload
  const { topic, partition } = batch
  const { generation } = positions
  const messages = batch.messages.map(toStored)
  const isCurrent = () =>
    payload.isRunning() &&
    !payload.isStale() &&
    positions.generation === generation &&
    positions.owns(partition)
  const { plannedLast, committed } = await positionBefore(positions, partition, messages)
  if (!isCurrent()) return null
  if ((messages[0]?.offset ?? committed) < committed) {
    resolveOffset(String(committed - 1n))
    return null
  }
  // Not consumer.commitOffsets(): that ends the consumer for good when its membership has expired.
  const write = async (offset: bigint, planned: bigint | null) => {
    const metadata = planned === null ? '' : planText(planned)
    const position: PartitionOffset & { metadata: string } = {
      ...{ partition, metadata },
      offset: String(offset),
    }
    await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [position] }] })
    const moved = { committed: offset, plannedLast: planned }
    if (positions.generation === generation) await positions.moved(partition, moved)
  }
  return {
    ...{ partition, messages, generation, plannedLast, isCurrent, heartbeat },
    plan: ({ firstOffset, lastOffset }) => write(firstOffset, lastOffset),
    commit: async ({ lastOffset }) => {
      resolveOffset(String(lastOffset))
      await write(lastOffset + 1n, null)
    },
    readAfter: (offset) => resolveOffset(String(offset)),
  }
}

/** The group's position before messages; asked for again where they lie before it: the topic may have been made anew. */
async function positionBefore(
  positions: GroupPositions,
  partition: number,
  messages: readonly StoredMessage[],
): Promise<Position> {
  const known = await positions.of(partition)
  if ((messages[0]?.offset ?? known.committed) >= known.committed) return known
  positions.forget()
  return positions.of(partition)
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
