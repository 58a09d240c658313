import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ReleaseState } from '#shared/contract.ts'

/** Stands for a POP that is told of releases: it believes what it is told and remembers in what form it was. */
export async function startReleasePop(pop: string) {
  const state: { -readonly [Key in keyof ReleaseState]: ReleaseState[Key] } = {
    ...{ site: 'shop', pop, digest: null, canary: null, ended: null },
    ...{ standby: null, isStandbyReady: true },
  }
  const known = new Set<string>()
  const told: string[] = []
  const server = createServer(async (request, response) => {
    const query = new URL(request.url ?? '', 'http://pop').searchParams
    const chunks = await request.toArray()
    const answer = (status: number, body: object) =>
      response.writeHead(status).end(JSON.stringify(body))
    if (request.method === 'GET') return void answer(200, state)
    const [digest, canary] = [query.get('digest') ?? '', query.get('canary')]
    if (canary === 'end') {
      told.push('end')
      state.canary = null
      return void answer(200, state)
    }
    if (chunks.length > 0) known.add(digest)
    if (!known.has(digest)) return void answer(404, { error: 'release_unknown', detail: 'no' })
    const use = query.get('as') ?? (canary ? 'canary' : 'live')
    told.push(`${use} by ${chunks.length > 0 ? 'bytes' : 'name'}`)
    if (use === 'standby') state.standby = digest
    else if (canary) {
      state.canary = { digest, terms: JSON.parse(canary) }
      state.ended = null
    } else {
      if (digest !== state.digest) state.standby = state.digest
      state.digest = digest
      if (state.canary?.digest === digest) state.canary = null
    }
    answer(200, state)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ state, told, url: `http://127.0.0.1:${port}` },
    close: () => new Promise((closed) => server.close(closed)),
  }
}
export type ReleasePop = Awaited<ReturnType<typeof startReleasePop>>
