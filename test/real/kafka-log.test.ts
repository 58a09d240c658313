import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import type { LogChunk, StoredMessage } from '#hub/log/log.ts'
import { logContract, messagesOf, numbersOf } from '../contract/log-contract.ts'
import { type Broker, kafkaMissing, startBroker } from '../support/kafka/broker.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

describe.skipIf(missing)('the log on Apache Kafka', { timeout: 60_000 }, () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  }, 400_000)
  afterAll(() => broker?.remove())

  const open = () =>
    openKafkaLog({
      nowMs: Date.now,
      brokers: [broker.address],
      replicationFactor: 1,
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
    await broker.kill()
    await broker.start()
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

  test('what somebody else wrote and is not text comes with its bytes', async () => {
    const log = open()
    onTestFinished(() => log.close())
    const topic = 'foreign'
    await log.append(topic, messagesOf('ann', 1))
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00])
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    await producer.send({ topic, messages: [{ key: 'k', value: bytes }] })
    const messages: StoredMessage[] = []
    await log.consume(topic, 'group', async (chunk) => void messages.push(...chunk.messages))
    await vi.waitFor(() => expect(messages).toHaveLength(2), { timeout: 30_000 })
    const [foreign] = messages.filter(({ identity }) => identity === '')
    expect(foreign?.bytes).toEqual(bytes)
    expect(messages.filter((message) => 'bytes' in message)).toEqual([foreign])
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
