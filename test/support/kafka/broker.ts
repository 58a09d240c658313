/** One broker process: killed without a warning, frozen, and brought back with the same data. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { javaArguments } from './jars.ts'
import type { BrokerNetwork } from './network.ts'

/** Which node of its cluster a broker is, and where. */
export interface BrokerPlace {
  readonly nodeId: number
  readonly ports: {
    readonly client: number
    readonly internal: number
    readonly controller: number
    readonly login: number
  }
  readonly network: BrokerNetwork
}

/** Of what a broker said before it ended without ever listening. */
const charactersShown = 2_000

export class Broker {
  readonly nodeId: number
  /** What lies between the clients and this broker; brokers talk to each other directly. */
  readonly network: BrokerNetwork
  /** Where it is reached over TLS, by who logs in. */
  readonly loginAddress: string
  /** Where it is reached past that network. */
  readonly internalAddress: string
  readonly #port: number
  readonly #settingsFile: string
  #child: ChildProcess | null = null

  constructor({ nodeId, network, ports }: BrokerPlace, settingsFile: string) {
    this.nodeId = nodeId
    this.network = network
    this.loginAddress = `127.0.0.1:${ports.login}`
    this.internalAddress = `127.0.0.1:${ports.internal}`
    this.#port = ports.client
    this.#settingsFile = settingsFile
  }

  /** Resolves when it listens, and clients reach it. */
  async start(): Promise<void> {
    const words = openSync(`${this.#settingsFile}.out`, 'w')
    const child = spawn('java', javaArguments('kafka.Kafka', this.#settingsFile), {
      stdio: ['ignore', words, words],
    })
    closeSync(words)
    this.#child = child
    await untilListening(child, this.#port).catch(async (cause: Error) => {
      const said = await readFile(`${this.#settingsFile}.out`, 'utf8')
      throw new Error(`${cause.message}; it said\n${said.slice(-charactersShown)}`, { cause })
    })
    await this.network.restore()
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    // Of a process that is gone the machine refuses connections; so must what stands in for it.
    await this.network.cut()
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
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
  throw new Error('the Kafka broker did not listen within a minute')
}
