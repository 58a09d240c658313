import { setTimeout as wait } from 'node:timers/promises'
import { recordsTopic } from '#hub/log/topics.ts'
import { ingestPath } from '#shared/contract.ts'
import { deliveryOf, eventRecord, signedIngest } from '../../support/hub.ts'
import type { Broker } from '../../support/kafka/broker.ts'
import { type KafkaCluster, startCluster } from '../../support/kafka/cluster.ts'
import { kafkaMissing } from '../../support/kafka/jars.ts'
import { leaderOf } from '../../support/kafka/observer.ts'
import type { FaultCase, Stage } from '../fault-case.ts'

type OnCluster = (cluster: KafkaCluster, stage: Stage) => Promise<void>

/** A fault of the brokers, while the hub's log is on them; the cluster is the same for every seed. */
function onKafka(name: string, what: string, brokers: 1 | 3, fault: OnCluster): FaultCase {
  return {
    ...{ name, what, missing: kafkaMissing },
    async set() {
      const cluster = await startCluster(brokers)
      return {
        options: { hub: { KAFKA_BROKERS: JSON.stringify(cluster.addresses) } },
        fault: (stage) => fault(cluster, stage),
        remove: () => cluster.remove(),
      }
    },
  }
}

/** Kills the brokers that are chosen, twice, and starts them again a while later. */
function killTwice(choose: (cluster: KafkaCluster) => Promise<Broker[]>): OnCluster {
  return async (cluster, stage) => {
    for (const part of [0.2, 0.5]) {
      await stage.crowd.reaches(part + stage.random.unit() / 10)
      const killed = await choose(cluster)
      await Promise.all(killed.map((broker) => broker.kill()))
      await wait(stage.random.integer(300, 2_000))
      await Promise.all(killed.map((broker) => broker.start()))
    }
  }
}

/** Puts something between the hub and every broker, twice, and takes it away a while later. */
function betweenTwice(part: 'cut' | 'silence'): OnCluster {
  return async ({ brokers }, { crowd, random }) => {
    for (const reached of [0.2, 0.5]) {
      await crowd.reaches(reached + random.unit() / 10)
      await Promise.all(brokers.map(({ network }) => network[part]()))
      await wait(random.integer(500, 3_000))
      await Promise.all(brokers.map(({ network }) => network.restore()))
    }
  }
}

async function leaderAlone(cluster: KafkaCluster): Promise<Broker[]> {
  return [cluster.broker(await leaderOf(cluster.internalAddresses, recordsTopic))]
}

const refusalTimeMaxMs = 60_000

/** Kills two of the three, twice, and asks the hub meanwhile: a broker alone must not make it say that it has something. */
async function killTwoOfThree({ brokers }: KafkaCluster, stage: Stage): Promise<void> {
  const { crowd, random } = stage
  for (const part of [0.2, 0.5]) {
    await crowd.reaches(part + random.unit() / 10)
    const spared = random.pick(brokers)
    const killed = brokers.filter((broker) => broker !== spared)
    await Promise.all(killed.map((broker) => broker.kill()))
    await expectRefusal(stage)
    await Promise.all(killed.map((broker) => broker.start()))
  }
}

let deliveries = 0

/** A POP that delivers now is told to come again. */
async function expectRefusal({ world: { hub, secrets } }: Stage): Promise<void> {
  const number = ++deliveries
  const delivery = deliveryOf(number, [eventRecord(`meanwhile-${number}`)])
  const request = await signedIngest(delivery, { secret: secrets.popSecret })
  const signal = AbortSignal.timeout(refusalTimeMaxMs)
  const { status } = await fetch(hub.url + ingestPath, { ...request, signal })
  if (![429, 503].includes(status))
    throw new Error(`with one broker of three a delivery was answered ${status}`)
}

export const kafkaFaults: readonly FaultCase[] = [
  onKafka(
    'kafka-only-broker-killed',
    'The only broker of Kafka is killed and started again, twice.',
    1,
    killTwice(async ({ brokers }) => [...brokers]),
  ),
  onKafka(
    'kafka-cut-off',
    'The network between hub and Kafka is cut and comes back, twice.',
    1,
    betweenTwice('cut'),
  ),
  onKafka(
    'kafka-silent',
    'Kafka keeps its connections and answers nothing for a while, twice.',
    1,
    betweenTwice('silence'),
  ),
  onKafka(
    'kafka-leader-killed',
    'Of three brokers the one that leads the most partitions is killed, twice.',
    3,
    killTwice(leaderAlone),
  ),
  onKafka(
    'kafka-two-of-three-killed',
    'Two of three brokers are killed at once until a delivery is refused, and started again, twice.',
    3,
    killTwoOfThree,
  ),
]
