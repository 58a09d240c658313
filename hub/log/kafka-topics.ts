/** The topics of the hub on Kafka: their names, how many partitions they get, and that they are there. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { KafkaSettings } from './kafka-settings.ts'
import { LogError } from './log.ts'
import { recordsTopic } from './topics.ts'

/**
 * Partitions by purpose. They bound how many hubs share the work, and can never become more for a topic in
 * use: a visitor would change partition, and its order would be lost. An existing topic keeps its own.
 */
const partitionsByTopic: Readonly<Record<string, number>> = {
  // What POPs send: twelve hubs may store at a time, and 2, 3, 4 or 6 share evenly.
  [recordsTopic]: 12,
}
/** Whatever else: read by few, and each partition is one more insert every half second. */
const partitionsOfOthers = 6

/** The client as topics need it: one that is connected, or fails with a LogError. */
export type ConnectedAdmin = () => Promise<Admin>

export interface TopicSettings extends Pick<KafkaSettings, 'topicPrefix' | 'replicationFactor'> {
  readonly onLog: (message: string, fields: Record<string, unknown>) => void
}

/** The name of a topic on the cluster. */
export function topicName({ topicPrefix }: TopicSettings, topic: string): string {
  return `${topicPrefix}${topic}`
}

/** How many partitions a topic has; it is made if need be. Throws `unavailable`. */
export async function countPartitions(
  connected: ConnectedAdmin,
  settings: TopicSettings,
  topic: string,
): Promise<number> {
  const admin = await connected()
  const name = topicName(settings, topic)
  const numPartitions = partitionsByTopic[topic] ?? partitionsOfOthers
  const { replicationFactor, onLog } = settings
  for (let attempt = 0; attempt < 20; attempt++) {
    const partitions = await partitionsWithLeader(admin, name)
    if (partitions > 0) return partitions
    // It may say that the topic is unknown though it has just made it, or that another was first: look again.
    await admin
      .createTopics({
        topics: [
          {
            topic: name,
            numPartitions,
            replicationFactor,
            configEntries: promised(replicationFactor),
          },
        ],
      })
      .catch((error: Error) => onLog(error.message, { topic: name }))
    await sleep(100)
  }
  throw new LogError('unavailable', `Kafka has no topic ${name}, and did not make it`)
}

/** One broker alone acknowledges nothing, whatever the cluster's default; with fewer than three it could not. */
function promised(replicationFactor: number) {
  return replicationFactor >= 3 ? [{ name: 'min.insync.replicas', value: '2' }] : []
}

// Listed first: asking for the metadata of a topic that is not there can make it, with the broker's defaults.
async function partitionsWithLeader(admin: Admin, name: string): Promise<number> {
  if (!(await admin.listTopics()).includes(name)) return 0
  const metadata = await admin.fetchTopicMetadata({ topics: [name] }).catch(() => null)
  const partitions = metadata?.topics[0]?.partitions ?? []
  return partitions.every((partition) => partition.leader >= 0) ? partitions.length : 0
}
