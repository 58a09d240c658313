/** The network between clients and one broker: a proxy that can be cut, silenced, or made to falsify answers. */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of an answer of the broker to a request of the kind; null loses it on its way. */
export type AlterAnswer = (apiKey: number, answer: Buffer) => Buffer | null

export class BrokerNetwork {
  readonly #server: Server
  readonly #brokerPort: number
  readonly #sockets = new Set<Socket>()
  #port = 0
  #silent = false
  #alterAnswer: AlterAnswer = (_, answer) => answer

  private constructor(brokerPort: number) {
    this.#brokerPort = brokerPort
    this.#server = createServer((client) => this.#join(client))
  }

  static async open(brokerPort: number): Promise<BrokerNetwork> {
    const network = new BrokerNetwork(brokerPort)
    await network.restore()
    return network
  }

  /** Where clients find the broker. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Ends every connection and refuses new ones, until `restore`. */
  async cut(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server.close(), 'close')
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Keeps the connections, and lets no byte through in either direction until `restore`. */
  silence(): void {
    this.#silent = true
    for (const socket of this.#sockets) socket.pause()
  }

  async restore(): Promise<void> {
    this.#silent = false
    this.#alterAnswer = (_, answer) => answer
    for (const socket of this.#sockets) socket.resume()
    if (this.#server.listening) return
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (this.#server.address() as { port: number }).port
  }

  /** Has every answer of the broker pass through a function, until `restore`. */
  alterAnswers(alterAnswer: AlterAnswer): void {
    this.#alterAnswer = alterAnswer
  }

  #join(client: Socket): void {
    const broker = connect(this.#brokerPort, '127.0.0.1')
    const apiKeys = new Map<number, number>()
    const pairs: [Socket, Socket][] = [
      [client, broker],
      [broker, client],
    ]
    for (const [socket, other] of pairs) {
      this.#sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    onFrames(client, (request) => {
      apiKeys.set(request.readInt32BE(8), request.readInt16BE(4))
      broker.write(request)
    })
    onFrames(broker, (answer) => {
      const correlation = answer.readInt32BE(4)
      const altered = this.#alterAnswer(apiKeys.get(correlation) ?? -1, answer)
      apiKeys.delete(correlation)
      if (altered) client.write(altered)
    })
    client.pause()
    broker.once('connect', () => {
      if (!this.#silent) client.resume()
    })
    if (this.#silent) broker.pause()
  }
}

/** Calls for each whole frame, its four bytes of length included. */
function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let parts: Buffer[] = []
  let bytes = 0
  socket.on('data', (part: Buffer) => {
    parts.push(part)
    bytes += part.length
    while (bytes >= 4) {
      if ((parts[0]?.length ?? 0) < 4) parts = [Buffer.concat(parts)]
      const size = 4 + (parts[0]?.readInt32BE(0) ?? 0)
      if (bytes < size) return
      const all = Buffer.concat(parts)
      onFrame(all.subarray(0, size))
      parts = [all.subarray(size)]
      bytes -= size
    }
  })
}
