/**
 * Not a ClickHouse server: a small HTTP bridge in front of chDB, the same engine, that answers as one does.
 *
 * No recent server is to be had from a package registry. What `@clickhouse/client` sends over HTTP (where it
 * puts SQL, bodies, settings and parameters, and how it reads errors) can be tried with it; users, clusters
 * and replication cannot.
 */

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Session } from 'chdb'

/** An insert that was asked for; `body` is a row of JSON a line. */
export interface Insert {
  readonly table: string
  readonly token: string
  readonly body: string
}

export interface ClickHouseBridge {
  readonly url: string
  close(): Promise<void>
}

// Of the HTTP layer of a server, or told apart below: not settings of the engine.
const ofHttp = new Set([
  'query',
  'query_id',
  'database',
  'session_id',
  'default_format',
  'wait_end_of_query',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
])

/** Starts an engine and its bridge; `onInsert` is told of each insert before the engine is. */
export async function startClickHouseBridge(
  directory: string,
  onInsert: (insert: Insert) => void = () => undefined,
): Promise<ClickHouseBridge> {
  // The engine lives as long as one session does; each request has its own besides, so settings end with it.
  const keeper = new Session(directory)
  const server = createServer(async (request, response) => {
    try {
      response.end(await answer(directory, request, onInsert))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const code = /Code: (\d+)/.exec(message)?.[1] ?? '0'
      response.writeHead(500, { 'X-ClickHouse-Exception-Code': code }).end(message)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server.close(), 'close')
      server.closeAllConnections()
      await closed
      keeper.close()
    },
  }
}

async function answer(
  directory: string,
  request: IncomingMessage,
  onInsert: (insert: Insert) => void,
): Promise<string | Uint8Array> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://bridge')
  if (pathname === '/ping') return 'Ok.\n'
  const body = Buffer.concat(await request.toArray()).toString()
  const query = searchParams.get('query') ?? ''
  const table = /^INSERT INTO (\w+)/.exec(query)?.[1]
  if (table) onInsert({ table, body, token: searchParams.get('insert_deduplication_token') ?? '' })
  const statement = [query, body].filter(Boolean).join('\n')
  const session = new Session(directory)
  try {
    const result = await session.queryAsync([...settings(searchParams), statement].join('; '))
    return result.bytes()
  } finally {
    session.close()
  }
}

// A server takes all settings of a request at once; one after the other, `readonly` must be the last.
function settings(searchParams: URLSearchParams): string[] {
  return [...searchParams]
    .filter(([name]) => !ofHttp.has(name))
    .sort(([one], [two]) => Number(one === 'readonly') - Number(two === 'readonly'))
    .map(([name, value]) => `SET ${name} = '${value.replaceAll(/['\\]/g, '\\$&')}'`)
}
