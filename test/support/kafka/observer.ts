/** What a test wants to know of a cluster, asked past the network that it cuts. */

import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { KafkaCluster } from './cluster.ts'

/** Runs with a client of its own that reaches these brokers. */
export async function observe<T>(
  addresses: readonly string[],
  run: (admin: Admin) => Promise<T>,
): Promise<T> {
  const kafka = new Kafka({ brokers: [...addresses], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await run(admin)
  } finally {
    await admin.disconnect()
  }
}

/** How many members a group has, as its coordinator sees it. */
export async function membersOf(cluster: KafkaCluster, groupId: string): Promise<number> {
  return observe(cluster.internalAddresses, async (admin) => {
    const { groups } = await admin.describeGroups([groupId])
    return groups[0]?.members.length ?? 0
  })
}

/** The broker that leads the most partitions of a topic. */
export async function leaderOf(addresses: readonly string[], topic: string): Promise<number> {
  return observe(addresses, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const leaders = topics[0]?.partitions.map((partition) => partition.leader) ?? []
    const byLeader = [...Map.groupBy(leaders, (leader) => leader)]
    return byLeader.toSorted((one, two) => two[1].length - one[1].length)[0]?.[0] ?? 0
  })
}
