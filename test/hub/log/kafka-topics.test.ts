import type { Admin } from 'kafkajs'
import { expect, it } from 'vitest'
import { countPartitions } from '#hub/log/kafka-topics.ts'

/** A cluster that makes the topics it is asked for. */
function cluster() {
  const made: Parameters<Admin['createTopics']>[0]['topics'] = []
  const admin = {
    listTopics: async () => made.map(({ topic }) => topic),
    fetchTopicMetadata: async () => ({
      topics: made.map(({ numPartitions }) => ({
        partitions: Array.from({ length: numPartitions ?? 0 }, () => ({ leader: 1 })),
      })),
    }),
    createTopics: async ({ topics }: Parameters<Admin['createTopics']>[0]) => {
      made.push(...topics)
      return true
    },
  }
  return { made, connected: async () => admin as unknown as Admin }
}

it.each([
  [3, [{ name: 'min.insync.replicas', value: '2' }]],
  [1, []],
  [-1, []],
])('a topic of replication %i is made with %j', async (replicationFactor, configEntries) => {
  const { made, connected } = cluster()
  const settings = { topicPrefix: 'eu.', replicationFactor, onLog: () => undefined }
  expect(await countPartitions(connected, settings, 'records')).toBeGreaterThan(0)
  expect(made).toMatchObject([{ topic: 'eu.records', replicationFactor, configEntries }])
})
