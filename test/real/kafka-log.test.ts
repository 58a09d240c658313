import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import type { LogChunk } from '#hub/log/log.ts'
import { logContract, messagesOf, numbersOf } from '../contract/log-contract.ts'
import { type KafkaCluster, startCluster } from '../support/kafka/cluster.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

describe.skipIf(missing)('the log on Apache Kafka', { timeout: 60_000 }, () => {
  let cluster: KafkaCluster
  beforeAll(async () => {
    cluster = await startCluster(1)
  }, 400_000)
  afterAll(() => cluster?.remove())

  const open = () =>
    openKafkaLog({
      nowMs: Date.now,
      brokers: cluster.addresses,
      retryBackoff: { firstMs: 1, longestMs: 5 },
    })

  logContract({ open: async () => open(), knowsIdentities: false, waitMs: 30_000 })

  test('a broker killed while messages are appended loses none that was acknowledged', async () => {
    const log = open()
    onTestFinished(() => log.close())
    const topic = 'killed-broker'
    await log.append(topic, messagesOf('ann', 10))
    const appending = (async () => {
      for (let from = 10; from < 3_000; from += 10)
        await log.append(topic, messagesOf('ann', 10, from))
    })()
    await cluster.broker(1).kill()
    await cluster.broker(1).start()
    await appending
    const chunks: LogChunk[] = []
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk))
    const everyNumber = Array.from({ length: 3_000 }, (_, index) => index)
    await vi.waitFor(() => expect(new Set(numbersOf('ann', chunks)).size).toBe(3_000), {
      timeout: 30_000,
    })
    // A repetition is allowed, its identity tells; a gap or another order is not.
    expect([...new Set(numbersOf('ann', chunks))]).toEqual(everyNumber)
  })

  test('an append to a broker that is away is told so, and can be made again', async () => {
    const away = openKafkaLog({ nowMs: Date.now, brokers: ['127.0.0.1:1'], appendTimeoutMs: 300 })
    onTestFinished(() => away.close())
    await expect(away.append('events', messagesOf('ann', 1))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
  })
})
