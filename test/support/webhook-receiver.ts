import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

export interface Received {
  readonly id: string
  readonly body: { readonly type: string; readonly data: Readonly<Record<string, unknown>> }
}

/** How the receiver answers a message that it has verified; `attempt` counts those of the same id from 1. */
export type Behaviour = (received: Received, attempt: number, response: ServerResponse) => void

export const takes: Behaviour = (_received, _attempt, response) =>
  void response.writeHead(204).end()
export const answers =
  (status: number, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (_received, _attempt, response) =>
    void response.writeHead(status, headers).end()
export const hangs: Behaviour = () => {}

/** An endpoint that checks every signature with the library that Standard Webhooks gives to receivers. */
export async function startReceiver() {
  const state = { behaviour: takes, refused: 0 }
  /** Every attempt, in the order in which they came. */
  const attempts: Received[] = []
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    try {
      const headers = request.headers as Record<string, string>
      const received = {
        id: headers['webhook-id'] as string,
        body: new Webhook(webhookSecret).verify(body, headers) as Received['body'],
      }
      attempts.push(received)
      const attempt = attempts.filter(({ id }) => id === received.id).length
      state.behaviour(received, attempt, response)
    } catch {
      state.refused++
      response.writeHead(401).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ state, attempts, url: `http://127.0.0.1:${port}/hook` },
    close() {
      server.closeAllConnections()
      return new Promise((closed) => server.close(closed))
    },
  }
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>
