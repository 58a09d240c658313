import { kafkaClient } from '#hub/log/kafka-client.ts'
import { KafkaSender } from '#hub/log/kafka-sender.ts'
import { countPartitions } from '#hub/log/kafka-topics.ts'
import { recordsTopic } from '#hub/log/topics.ts'
import { startCluster } from '../support/kafka/cluster.ts'
import { deliveryOf, eventsPerBatch } from './deliveries.ts'
import { type Figures, type Load, measureIngest } from './ingest.ts'

const brokerSecondsMax = 20
const access = { clientId: 'shelfedge-bench', tls: false, sasl: null, onLog: () => undefined }

/** A hub on one real broker, and before it the broker by itself. */
export async function measureKafka(load: Load): Promise<Figures> {
  const cluster = await startCluster(1)
  try {
    // Past the network that stands before each broker for tests: it would cost time of its own.
    const brokers = cluster.internalAddresses
    const brokerEventsPerSecond = await measureBroker(brokers, load)
    const hub = await measureIngest(load, { KAFKA_BROKERS: JSON.stringify(brokers) })
    const named = Object.entries(hub).map(([name, value]) => [
      `kafka${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      value,
    ])
    return {
      ...Object.fromEntries(named),
      brokerEventsPerSecond,
      kafkaOfBroker: (hub.eventsPerSecond ?? 0) / brokerEventsPerSecond,
    }
  } finally {
    await cluster.remove()
  }
}

/** The messages of the same load sent by the driver alone, with the hub's settings, a lane a partition. */
async function measureBroker(brokers: readonly string[], load: Load): Promise<number> {
  const kafka = kafkaClient({ ...access, brokers })
  const sender = new KafkaSender(kafka, 'snappy')
  const admin = kafka.admin()
  await admin.connect()
  const names = { topicPrefix: 'alone.', replicationFactor: -1, onLog: access.onLog }
  const partitions = await countPartitions(async () => admin, names, recordsTopic)
  await admin.disconnect()
  const started = performance.now()
  const endsAt = started + Math.min(load.seconds, brokerSecondsMax) * 1_000
  let events = 0
  const sendAll = async (partition: number) => {
    for (let sequence = 0; performance.now() < endsAt; sequence += load.batchesPerDelivery) {
      const messages = messagesOf(`alone-${partition}`, sequence, load.batchesPerDelivery)
      await sender.send(`alone.${recordsTopic}`, partition, messages)
      events += messages.length * eventsPerBatch
    }
  }
  await Promise.all(Array.from({ length: partitions }, (_, partition) => sendAll(partition)))
  const seconds = (performance.now() - started) / 1_000
  await sender.disconnect()
  return events / seconds
}

function messagesOf(outbox: string, sequence: number, batches: number) {
  const { pop, region, batches: made } = deliveryOf(outbox, sequence, batches, Date.now())
  return made.map((batch) => ({
    key: `${batch.site}/${batch.visitor}`,
    identity: `${outbox}-${batch.sequence}`,
    value: JSON.stringify({ pop, region, ...batch }),
  }))
}
