/** A real Apache Kafka broker of one node, from Maven's jars, on free ports and in a directory of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = fileURLToPath(new URL('./pom.xml', import.meta.url))
const jars = fileURLToPath(new URL('../../../.build/kafka', import.meta.url))

export interface Broker {
  readonly address: string
  /** Kills it without a warning; `start` brings it back on the same ports with the same data. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends it and removes its data. */
  remove(): Promise<void>
}

/** Why there can be no broker here, as a sentence; null when there can. */
export async function kafkaMissing(): Promise<string | null> {
  try {
    await run('java', ['-version'])
  } catch {
    return 'Kafka tests are skipped: there is no Java here (Debian: openjdk-17-jre-headless).'
  }
  if (existsSync(join(jars, 'complete'))) return null
  try {
    await run('mvn', ['-version'])
    return null
  } catch {
    return 'Kafka tests are skipped: there is no Maven here to fetch the broker with (Debian: maven).'
  }
}

/** Starts a broker; the first time it fetches 43 MB of jars. */
export async function startBroker(): Promise<Broker> {
  await fetchJars()
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-kafka-'))
  const [port, controllerPort] = await freePorts()
  const settings = join(directory, 'server.properties')
  await writeFile(settings, propertiesOf(directory, port, controllerPort))
  const uuid =
    (await java(['kafka.tools.StorageTool', 'random-uuid'])).trim().split('\n').at(-1) ?? ''
  await java(['kafka.tools.StorageTool', 'format', '-t', uuid, '-c', settings])
  let child: ChildProcess | null = null
  const broker: Broker = {
    address: `127.0.0.1:${port}`,
    async start() {
      child = spawn('java', ['-Xmx256m', ...classPath(), 'kafka.Kafka', settings], {
        stdio: 'ignore',
      })
      await untilReady(child, port)
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
    async remove() {
      await broker.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
  await broker.start()
  return broker
}

async function fetchJars(): Promise<void> {
  if (existsSync(join(jars, 'complete'))) return
  await mkdir(jars, { recursive: true })
  const copy = [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${jars}`,
  ]
  await run('mvn', ['-q', '-B', '-f', pom, ...copy], { timeout: 300_000 })
  await writeFile(join(jars, 'complete'), '')
}

function propertiesOf(directory: string, port: number, controllerPort: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

function classPath(): string[] {
  return ['-cp', join(jars, '*')]
}

async function java(command: readonly string[]): Promise<string> {
  return (await run('java', [...classPath(), ...command])).stdout
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return (server.address() as { port: number }).port
    }),
  )
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return [ports[0] ?? 0, ports[1] ?? 0]
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  const { connect } = await import('node:net')
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null)
      throw new Error(`the Kafka broker ended with code ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    await sleep(100)
  }
  throw new Error('the Kafka broker was not ready within a minute')
}
