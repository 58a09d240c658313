import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { visitorPath } from '#shared/contract.ts'
import { importReleasePublicKey } from '#shared/keys.ts'
import { verifyRequest } from '#shared/signature.ts'

export interface Heard {
  readonly method: string
  readonly site: string
  readonly visitor: string
}

/** Stands for a POP that hears the hub's orders about visitors: it checks the signature and answers as it is told. */
export async function startListeningPop(pop: string) {
  const heard: Heard[] = []
  const state = { isAway: false, epoch: 0, publicKeyHex: '', known: new Set<string>() }
  const server = createServer(async (request, response) => {
    if (state.isAway) return void request.socket.destroy()
    const url = new URL(request.url ?? '', 'http://pop')
    const { method = '' } = request
    const refusal = await verifyRequest(
      await importReleasePublicKey(state.publicKeyHex),
      { method, path: url.pathname + url.search, body: new Uint8Array() },
      (name) => request.headers[name] as string | undefined,
      { claim: () => true },
      Date.now(),
    )
    const { site = '', visitor = '' } = Object.fromEntries(url.searchParams)
    if (refusal || url.pathname !== visitorPath) {
      return void response.writeHead(refusal ? 401 : 404).end(refusal ?? 'no such route')
    }
    heard.push({ method, site, visitor })
    const known = state.known.has(visitor)
    if (method === 'DELETE') state.known.delete(visitor)
    const found = { known, outbox: 0, setAside: 0, refusals: 0, reservations: 0 }
    const answer = method === 'DELETE' ? { epoch: state.epoch, found } : { known, next: null }
    response.end(JSON.stringify({ pop, site, visitor, ...answer }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ heard, state, url: `http://127.0.0.1:${port}` },
    close: () => new Promise((closed) => server.close(closed)),
  }
}
export type ListeningPop = Awaited<ReturnType<typeof startListeningPop>>
