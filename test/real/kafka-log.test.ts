import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import { type Compression, compressions } from '#hub/log/kafka-settings.ts'
import type { LogChunk, StoredMessage } from '#hub/log/log.ts'
import { logContract, messagesOf, numbersOf } from '../contract/log-contract.ts'
import { type KafkaCluster, startCluster } from '../support/kafka/cluster.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'
import { observe } from '../support/kafka/observer.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

const warnings: string[] = []
process.on('warning', ({ name }) => warnings.push(name))

describe.skipIf(missing)('the log on Apache Kafka', { timeout: 60_000 }, () => {
  let cluster: KafkaCluster
  beforeAll(async () => {
    cluster = await startCluster(1)
  }, 400_000)
  afterAll(() => cluster?.remove())

  const open = (compression: Compression = 'snappy', topicPrefix = '') =>
    openKafkaLog({
      ...{ nowMs: Date.now, compression, topicPrefix },
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

  test('what somebody else wrote and is not text comes with its bytes', async () => {
    const log = open()
    onTestFinished(() => log.close())
    const topic = 'foreign'
    await log.append(topic, messagesOf('ann', 1))
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00])
    const kafka = new Kafka({ brokers: [...cluster.addresses], logLevel: logLevel.NOTHING })
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

  test.for(compressions)(
    'what is written with %s is read back, by the broker too, and so is what the broker writes',
    async (compression) => {
      // The broker packs anew in the topic's own codec: it has to unpack ours, and we what it wrote.
      const other = compression === 'gzip' ? 'zstd' : 'gzip'
      const byBroker = compression === 'none' ? 'uncompressed' : compression
      for (const [topic, written, kept] of [
        [`as-written-${compression}`, compression, 'producer'],
        [`by-us-${compression}`, compression, other],
        [`by-broker-${compression}`, other, byBroker],
      ] as const) {
        await observe(cluster.addresses, (admin) =>
          admin.createTopics({
            topics: [{ topic, configEntries: [{ name: 'compression.type', value: kept }] }],
          }),
        )
        const log = open(written)
        onTestFinished(() => log.close())
        await log.append(topic, messagesOf('ann', 2_000))
        const chunks: LogChunk[] = []
        await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk))
        await vi.waitFor(() => expect(numbersOf('ann', chunks)).toHaveLength(2_000), {
          timeout: 30_000,
        })
        expect(chunks.flatMap((chunk) => chunk.messages)).toMatchObject(messagesOf('ann', 2_000))
      }
    },
  )

  test('waits for messages without a timer that never rests', async () => {
    const log = open()
    onTestFinished(() => log.close())
    const chunks: LogChunk[] = []
    await log.consume('quiet', 'group', async (chunk) => void chunks.push(chunk))
    await log.append('quiet', messagesOf('ann', 1))
    await vi.waitFor(() => expect(numbersOf('ann', chunks)).toEqual([0]), { timeout: 30_000 })
    // Node warns once a process, of the negative time that such a timer has.
    expect(warnings).not.toContain('TimeoutNegativeWarning')
  })

  test('a prefix keeps the topics and groups of two regions on one cluster apart', async () => {
    const [here, there] = [open('snappy', 'eu.'), open('snappy', 'us.')]
    onTestFinished(async () => void (await Promise.all([here.close(), there.close()])))
    await here.append('visits', messagesOf('ann', 3))
    await there.append('visits', messagesOf('bob', 4))
    const chunks: LogChunk[] = []
    await there.consume('visits', 'group', async (chunk) => void chunks.push(chunk))
    await vi.waitFor(() => expect(numbersOf('bob', chunks)).toHaveLength(4), { timeout: 30_000 })
    expect(numbersOf('ann', chunks)).toEqual([])
    expect(new Set(chunks.map((chunk) => chunk.topic))).toEqual(new Set(['us.visits']))
    const waiting = (await here.lag('visits', 'group')).map((partition) => partition.messages)
    expect(waiting.reduce((sum, messages) => sum + messages)).toBe(3)
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
