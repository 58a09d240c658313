import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { planText } from '#hub/log/kafka-chunks.ts'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import { saslMechanisms } from '#hub/log/kafka-settings.ts'
import type { ConsumeOptions, Consumption, Log, LogChunk } from '#hub/log/log.ts'
import { type KafkaCluster, startCluster } from '../support/kafka/cluster.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'
import { membersOf, observe } from '../support/kafka/observer.ts'
import { appendTraffic, expectAllThere, fateOf, messagesOf } from '../support/kafka/traffic.ts'
import type { ConsumerOrders, ReportedChunk } from '../support/kafka-consumer-process.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

const within = { timeout: 45_000, interval: 20 }
const sessionTimeoutMs = 2_000
const program = fileURLToPath(new URL('../support/kafka-consumer-process.ts', import.meta.url))
/** What Kafka calls a request to append, and an answer that no client tries again after. */
const produce = { apiKey: 0, invalidRecord: 87 }

describe.skipIf(missing)('producers and consumers in trouble', { timeout: 90_000 }, () => {
  let cluster: KafkaCluster
  beforeAll(async () => {
    cluster = await startCluster(1)
  }, 400_000)
  afterAll(() => cluster?.remove())

  function open(): Log {
    const log = openKafkaLog({
      ...{ nowMs: Date.now, brokers: cluster.addresses, sessionTimeoutMs },
      retryBackoff: { firstMs: 1, longestMs: 50 },
    })
    onTestFinished(() => log.close())
    return log
  }

  async function collect(log: Log, topic: string, options: ConsumeOptions = {}) {
    const chunks: LogChunk[] = []
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk), options)
    return chunks
  }

  function startProcess(topic: string, given: Partial<ConsumerOrders> = {}) {
    const orders: ConsumerOrders = {
      ...{ brokers: cluster.addresses, tls: false, sasl: null, topic, group: 'group' },
      ...{ sessionTimeoutMs, commits: true, ...given },
    }
    const child = fork(program, [JSON.stringify(orders)], {
      ...{ execArgv: [], stdio: 'ignore' },
      env: { ...process.env, NODE_EXTRA_CA_CERTS: cluster.login.certificateFile },
    })
    onTestFinished(() => end(child))
    const chunks: ReportedChunk[] = []
    child.on('message', (chunk: ReportedChunk) => chunks.push(chunk))
    return { child, chunks }
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  const untilMembers = (topic: string, count: number) =>
    vi.waitFor(async () => expect(await membersOf(cluster, `group.${topic}`)).toBe(count), within)

  test('after an error for what was stored, other messages of the same number are stored too', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    await log.append(topic, messagesOf(0, 0, 5))
    const { network } = cluster.broker(1)
    network.alterAnswers((apiKey, answer) =>
      apiKey === produce.apiKey ? falsify(answer, topic) : answer,
    )
    await expect(log.append(topic, messagesOf(0, 5, 5))).rejects.toMatchObject({
      ...{ code: 'unavailable', retryable: true },
    })
    await network.restore()
    await log.append(topic, messagesOf(0, 10, 5))
    const chunks = await collect(log, topic)
    await vi.waitFor(() => expect(fateOf(chunks, 15).missing).toBe(0), within)
    expect(fateOf(chunks, 15)).toEqual({ missing: 0, disordered: 0, falsified: 0, repeated: 0 })
  })

  test('a process frozen until its membership has expired goes on when it wakes', async () => {
    const topic = `t${randomUUID()}`
    const traffic = { visitors: 6, firstNumber: 0, messagesPerVisitor: 100, messagesPerAppend: 5 }
    const log = open()
    await appendTraffic(log, topic, traffic)
    const { child, chunks } = startProcess(topic)
    await vi.waitFor(() => expect(chunks.length).toBeGreaterThan(0), within)
    const later = appendTraffic(log, topic, { ...traffic, firstNumber: 100 })
    child.kill('SIGSTOP')
    await untilMembers(topic, 0)
    child.kill('SIGCONT')
    await later
    await vi.waitFor(() => expect(fateOf(chunks, 1_200).missing).toBe(0), within)
    console.info('frozen, 1200 messages:', JSON.stringify(fateOf(chunks, 1_200)))
    expectAllThere(fateOf(chunks, 1_200))
    await untilMembers(topic, 1)
  })

  test('a consumer whose network was silent until its membership expired goes on, mid chunk', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    await log.append(topic, messagesOf(0, 0, 50))
    const chunks: LogChunk[] = []
    const { network } = cluster.broker(1)
    await log.consume(topic, 'group', async (chunk) => {
      chunks.push(chunk)
      if (chunks.length > 1) return
      network.silence()
      await untilMembers(topic, 0)
      await network.restore()
    })
    await vi.waitFor(() => expect(chunks.length).toBeGreaterThan(1), within)
    await log.append(topic, messagesOf(0, 50, 50))
    await vi.waitFor(() => expect(fateOf(chunks, 100).missing).toBe(0), within)
    console.info('silent, 100 messages:', JSON.stringify(fateOf(chunks, 100)))
    expectAllThere(fateOf(chunks, 100))
  })

  test('members that come and go while messages flow handle each of them, in order', async () => {
    const topic = `t${randomUUID()}`
    const traffic = { visitors: 24, firstNumber: 0, messagesPerVisitor: 400, messagesPerAppend: 2 }
    const chunks: LogChunk[] = []
    const join = (log: Log) =>
      log.consume(topic, 'group', async (chunk) => void chunks.push(chunk), {
        chunkMessagesMax: 20,
      })
    const log = open()
    const first = await join(log)
    let acknowledged = 0
    const appending = appendTraffic(log, topic, traffic, (total) => {
      acknowledged = total
    })
    const others: Consumption[] = []
    for (let round = 1; round <= 4; round++) {
      await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(round * 2_000), within)
      others.push(await join(open()), await join(open()))
      await untilMembers(topic, 3)
      await others.shift()?.stop()
      await others.shift()?.stop()
    }
    await appending
    await vi.waitFor(() => expect(fateOf(chunks, 9_600).missing).toBe(0), within)
    console.info('members come and go, 9600 messages:', JSON.stringify(fateOf(chunks, 9_600)))
    expectAllThere(fateOf(chunks, 9_600))
    await first.stop()
  })

  test('a process killed between its handler and its commit leaves the very same chunk to the next', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    await log.append(topic, messagesOf(0, 0, 50))
    const { child, chunks: stored } = startProcess(topic, { commits: false })
    await vi.waitFor(() => expect(stored).toHaveLength(1), within)
    await end(child)
    await log.append(topic, messagesOf(0, 50, 50))
    const chunks = await collect(log, topic)
    await vi.waitFor(() => expect(fateOf(chunks, 100).missing).toBe(0), within)
    const [again] = chunks
    expect(stored[0]).toMatchObject({
      ...{ partition: again?.partition, firstOffset: '0', lastOffset: '49' },
      messages: again?.messages.map(({ identity }) => ({ identity })),
    })
    expect([again?.firstOffset, again?.lastOffset]).toEqual([0n, 49n])
    expect(fateOf(chunks, 100)).toEqual({ missing: 0, disordered: 0, falsified: 0, repeated: 0 })
  })

  test('a planned chunk larger than what one fetch brings is handed over whole', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    const large = messagesOf(0, 0, 3_000).map((message) => ({
      ...message,
      value: `${message.identity} ${randomBytes(750).toString('base64')}`,
    }))
    await log.append(topic, large)
    const partition = await partitionOfAll(topic)
    await planFor(topic, partition, 2_899n)
    const chunks = await collect(log, topic, { chunkMessagesMax: 10 })
    await vi.waitFor(() => expect(fateOf(chunks, 3_000).missing).toBe(0), within)
    expect(chunks.map((chunk) => chunk.messages.length)).toEqual([2_900, ...Array(10).fill(10)])
  })

  test('a log is closed though its broker is away, and its group goes on where it was', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    await log.append(topic, messagesOf(0, 0, 10))
    const before = await collect(log, topic)
    await vi.waitFor(async () => {
      const behind = (await log.lag(topic, 'group')).map(({ messages }) => messages)
      expect(Math.max(...behind)).toBe(0)
    }, within)
    const broker = cluster.broker(1)
    await broker.kill()
    await log.close()
    await broker.start()
    const again = open()
    await again.append(topic, messagesOf(0, 10, 10))
    const after = await collect(again, topic)
    await vi.waitFor(() => expect(fateOf([...before, ...after], 20).missing).toBe(0), within)
    const none = { missing: 0, disordered: 0, falsified: 0, repeated: 0 }
    expect(fateOf([...before, ...after], 20)).toEqual(none)
  })

  test.for(saslMechanisms)('a hub comes in over TLS with a login by %s', async (mechanism) => {
    const topic = `t${randomUUID()}`
    await open().append(topic, messagesOf(0, 0, 10))
    const { username, password } = cluster.login
    const { chunks } = startProcess(topic, {
      ...{ brokers: [cluster.broker(1).loginAddress], tls: true },
      sasl: { mechanism, username, password },
    })
    await vi.waitFor(() => expect(fateOf(chunks, 10).missing).toBe(0), within)
  })

  async function partitionOfAll(topic: string): Promise<number> {
    const ends = await observe(cluster.addresses, (admin) => admin.fetchTopicOffsets(topic))
    return ends.find((end) => end.high !== '0')?.partition ?? -1
  }

  /** Leaves a plan in the group, as a member with larger chunks would have that was killed. */
  async function planFor(topic: string, partition: number, last: bigint): Promise<void> {
    const kafka = new Kafka({ brokers: [...cluster.addresses], logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: `group.${topic}` })
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.subscribe({ topic })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async () => {},
    })
    await joined
    await consumer.commitOffsets([{ topic, partition, offset: '0', metadata: planText(last) }])
    await consumer.disconnect()
  }
})

/** The answer to an append of one partition, its error code another: size, correlation, one topic, one partition. */
function falsify(answer: Buffer, topic: string): Buffer {
  const falsified = Buffer.from(answer)
  falsified.writeInt16BE(produce.invalidRecord, 4 + 4 + 4 + 2 + topic.length + 4 + 4)
  return falsified
}
