import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** A decision as a webhook brings it. */
export interface Told {
  readonly id: string
  readonly data: { readonly visitor: string; readonly answer: Readonly<Record<string, unknown>> }
}

/** An endpoint of the customer's own: it believes what is signed, and answers the rest with 401. */
export interface Receiver {
  readonly secret: string
  readonly url: string
  readonly told: readonly Told[]
  readonly refused: number
  close(): Promise<void>
}

/** Listens on loopback; checks every signature with the library that Standard Webhooks gives to receivers. */
export async function startReceiver(): Promise<Receiver> {
  const secret = `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')}`
  const webhook = new Webhook(secret)
  const told: Told[] = []
  let refused = 0
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    try {
      const headers = request.headers as Record<string, string>
      const { data } = webhook.verify(body, headers) as Pick<Told, 'data'>
      told.push({ id: headers['webhook-id'] ?? '', data })
      response.writeHead(204).end()
    } catch {
      refused++
      response.writeHead(401).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ secret, url: `http://127.0.0.1:${port}/hook`, told },
    get refused() {
      return refused
    },
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
