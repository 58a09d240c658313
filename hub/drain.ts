import type { Server } from 'node:http'

const sweepMs = 50

/**
 * Stops a server without cutting a request short: no new connection, every answer is the last on its
 * connection, and what is still open after `timeoutMs` is cut.
 *
 * `close` alone would serve a POP's kept-alive connection for as long as it keeps asking.
 */
export async function drain(server: Server, timeoutMs: number): Promise<void> {
  server.prependListener('request', (_request, response) => {
    response.setHeader('connection', 'close')
  })
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  const cut = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(sweep)
  clearTimeout(cut)
}
