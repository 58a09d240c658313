import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openKafkaLog } from '#hub/log/kafka-log.ts'
import type { Log, LogChunk } from '#hub/log/log.ts'
import { type KafkaCluster, startCluster } from '../support/kafka/cluster.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'
import { leaderOf } from '../support/kafka/observer.ts'
import {
  appendTraffic,
  expectAllThere,
  fateOf,
  messagesOf,
  type Traffic,
} from '../support/kafka/traffic.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

const within = { timeout: 60_000, interval: 20 }

describe.skipIf(missing)('the log on three brokers', { timeout: 150_000 }, () => {
  let cluster: KafkaCluster
  let complaints = 0
  beforeAll(async () => {
    cluster = await startCluster(3)
  }, 400_000)
  afterAll(() => cluster?.remove())

  function open(): Log {
    const log = openKafkaLog({
      ...{ nowMs: Date.now, brokers: cluster.addresses },
      ...{ appendTimeoutMs: 5_000, retryBackoff: { firstMs: 10, longestMs: 100 } },
      onLog: () => complaints++,
    })
    onTestFinished(() => log.close())
    return log
  }

  /** A topic read by one group, appends to it under way. */
  async function flow(traffic: Traffic) {
    const topic = `t${randomUUID()}`
    const log = open()
    const chunks: LogChunk[] = []
    await log.consume(topic, 'reader', async (chunk) => void chunks.push(chunk))
    const total = traffic.visitors * traffic.messagesPerVisitor
    let acknowledged = 0
    const appended = appendTraffic(log, topic, traffic, (count) => {
      acknowledged = count
    })
    return {
      topic,
      until: (share: number) =>
        vi.waitFor(() => expect(acknowledged).toBeGreaterThan(share * total), within),
      async end(what: string) {
        const { refused } = await appended
        await vi.waitFor(() => expect(fateOf(chunks, total).missing).toBe(0), within)
        const fate = fateOf(chunks, total)
        console.info(`${what}, ${total} messages:`, JSON.stringify({ refused, ...fate }))
        expectAllThere(fate)
      },
    }
  }

  const untilComplaint = async () => {
    const before = complaints
    await vi.waitFor(() => expect(complaints).toBeGreaterThan(before), within)
  }

  const small = { visitors: 24, firstNumber: 0, messagesPerVisitor: 300, messagesPerAppend: 10 }

  test('a leader killed twice under load loses nothing', async () => {
    const traffic = { ...small, visitors: 48, messagesPerVisitor: 500 }
    const { topic, until, end } = await flow(traffic)
    for (const share of [0.2, 0.6]) {
      await until(share)
      const leader = cluster.broker(await leaderOf(cluster.internalAddresses, topic))
      await leader.kill()
      await leader.start()
    }
    await end('a leader killed twice')
  })

  test('a leader frozen until another leads, and thawed, loses nothing', async () => {
    const { topic, until, end } = await flow(small)
    await until(0.2)
    const leader = cluster.broker(await leaderOf(cluster.internalAddresses, topic))
    const others = cluster.brokers.filter((broker) => broker !== leader)
    leader.freeze()
    const addresses = others.map((broker) => broker.internalAddress)
    await vi.waitFor(async () => {
      expect(await leaderOf(addresses, topic)).not.toBe(leader.nodeId)
    }, within)
    leader.thaw()
    await end('a leader frozen')
  })

  test('two of three brokers killed: nothing is acknowledged, and all goes on when they are back', async () => {
    const topic = `t${randomUUID()}`
    const log = open()
    await appendTraffic(log, topic, { ...small, messagesPerVisitor: 100 })
    const lost = [cluster.broker(1), cluster.broker(2)]
    await Promise.all(lost.map((broker) => broker.kill()))
    await expect(log.append(topic, messagesOf(0, 100, 10))).rejects.toMatchObject({
      ...{ code: 'unavailable', retryable: true },
    })
    await Promise.all(lost.map((broker) => broker.start()))
    const after = { ...small, firstNumber: 100, messagesPerVisitor: 100 }
    const { refused } = await appendTraffic(log, topic, after)
    const chunks: LogChunk[] = []
    await log.consume(topic, 'reader', async (chunk) => void chunks.push(chunk))
    await vi.waitFor(() => expect(fateOf(chunks, 4_800).missing).toBe(0), within)
    const fate = fateOf(chunks, 4_800)
    console.info('two of three killed, 4800 messages:', JSON.stringify({ refused, ...fate }))
    expectAllThere(fate)
  })

  test('a network cut between the clients and each broker in turn loses nothing', async () => {
    const { until, end } = await flow(small)
    for (const [turn, { network }] of cluster.brokers.entries()) {
      await until(turn / 4)
      await network.cut()
      await untilComplaint()
      await network.restore()
    }
    await end('the network cut three times')
  })

  test('a leader whose network is silent for longer than a request may take loses nothing', async () => {
    const { topic, until, end } = await flow(small)
    await until(0.2)
    const { network } = cluster.broker(await leaderOf(cluster.internalAddresses, topic))
    network.silence()
    await untilComplaint()
    await network.restore()
    await end('the network silent')
  })
})
