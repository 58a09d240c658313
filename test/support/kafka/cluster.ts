/** A real Apache Kafka of one broker or three, on free ports and in a directory of its own. */

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { Broker, type BrokerPlace } from './broker.ts'
import { fetchJars, runKafka } from './jars.ts'
import { type Login, makeLogin } from './login.ts'
import { BrokerNetwork } from './network.ts'

export interface KafkaCluster {
  readonly brokers: readonly Broker[]
  /** Where clients find the brokers, through the network that stands before each. */
  readonly addresses: readonly string[]
  /** The same, past that network. */
  readonly internalAddresses: readonly string[]
  broker(nodeId: number): Broker
  readonly login: Login
  /** Ends the brokers and removes their data. */
  remove(): Promise<void>
}

interface Node extends BrokerPlace {
  readonly directory: string
}

/** Starts the brokers; with three, every topic is on all of them and two must have a message. */
export async function startCluster(count: 1 | 3): Promise<KafkaCluster> {
  await fetchJars()
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-kafka-'))
  const nodes = await nodesOf(count, directory)
  // A leading zero, because the tool takes an id that begins with a dash for an option.
  const clusterId = Buffer.concat([Buffer.alloc(1), randomBytes(15)]).toString('base64url')
  const login = await makeLogin(directory)
  const brokers = await Promise.all(
    nodes.map((node) => formatBroker(node, nodes, clusterId, login)),
  )
  await Promise.all(brokers.map((broker) => broker.start()))
  return {
    brokers,
    addresses: brokers.map((broker) => broker.network.address),
    internalAddresses: brokers.map((broker) => broker.internalAddress),
    login,
    broker: (nodeId) => brokers[nodeId - 1] as Broker,
    async remove() {
      await Promise.all(brokers.map((broker) => broker.kill()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function nodesOf(count: number, directory: string): Promise<Node[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const client = await freePort()
      return {
        nodeId: index + 1,
        ports: {
          client,
          internal: await freePort(),
          controller: await freePort(),
          login: await freePort(),
        },
        network: await BrokerNetwork.open(client),
        directory: join(directory, `broker-${index + 1}`),
      }
    }),
  )
}

async function formatBroker(
  node: Node,
  nodes: readonly Node[],
  clusterId: string,
  login: Login,
): Promise<Broker> {
  const settingsFile = `${node.directory}.properties`
  const lines = Object.entries(settingsOf(node, nodes, login)).map(
    ([name, value]) => `${name}=${value}`,
  )
  await writeFile(settingsFile, lines.join('\n'))
  await runKafka(
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    settingsFile,
    ...login.formatting,
  )
  return new Broker(node, settingsFile)
}

function settingsOf(
  { nodeId, ports, network, directory }: Node,
  nodes: readonly Node[],
  login: Login,
) {
  const inSync = Math.min(2, nodes.length)
  const local = '127.0.0.1'
  const voters = nodes.map((node) => `${node.nodeId}@127.0.0.1:${node.ports.controller}`)
  return {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': voters.join(','),
    listeners: `CLIENT://${local}:${ports.client},INTERNAL://${local}:${ports.internal},CONTROLLER://${local}:${ports.controller},LOGIN://${local}:${ports.login}`,
    'advertised.listeners': `CLIENT://${network.address},INTERNAL://${local}:${ports.internal},LOGIN://${local}:${ports.login}`,
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map':
      'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL',
    ...login.settings,
    'log.dirs': directory,
    'default.replication.factor': nodes.length,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': nodes.length,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': nodes.length,
    'transaction.state.log.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'auto.create.topics.enable': false,
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
  }
}
