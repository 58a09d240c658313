import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * - `open`: everything passes.
 * - `cut`: connections are broken and refused, as by a cable that was pulled.
 * - `silent`: connections are taken and nothing comes back, as by a machine that hangs.
 * - `deaf`: questions arrive and are worked on, and every answer is lost with its connection.
 * - an `Impostor`: somebody on the way answers in place of whoever was asked.
 */
export type WireState = 'open' | 'cut' | 'silent' | 'deaf' | Impostor
/** Answers a request line with a whole answer of HTTP. */
type Impostor = (requestLine: string) => string

/** A wire between two processes that can be cut: a TCP proxy on a port of its own. */
export interface Wire {
  readonly port: number
  become(state: WireState): void
  remove(): Promise<void>
}

/** Lays a wire to a port of this machine; of several, each connection goes to the next, as behind a balancer. */
export async function layWire(...targetPorts: readonly [number, ...number[]]): Promise<Wire> {
  const sockets = new Set<Socket>()
  let connections = 0
  let state: WireState = 'open'

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    // A broken connection is what this is for; each side learns it from its own end.
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer((near) => {
    keep(near)
    if (state === 'cut') return near.destroy()
    if (state === 'silent') return near.resume()
    const targetPort = targetPorts[connections++ % targetPorts.length] as number
    const far = keep(connect(targetPort, '127.0.0.1'))
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
    near.on('data', (bytes) => {
      // Once a connection; whatever else comes on it is read and forgotten.
      if (typeof state === 'function') near.end(state(bytes.toString().split('\r\n', 1)[0] ?? ''))
      else if (state !== 'silent') far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (state === 'open') near.write(bytes)
      else if (state === 'deaf') near.destroy()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    become(next) {
      // What hung or was half way through does not come back to life: it is broken, and asked again.
      const breaks = next === 'cut' || (state !== 'open' && state !== 'cut')
      state = next
      if (breaks) for (const socket of sockets) socket.destroy()
    },
    async remove() {
      const closed = once(server.close(), 'close')
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
