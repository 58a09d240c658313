/** A real browser from Debian's package, without a window, and the web server of a shop for it to visit. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, extname, join, resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

const isThere = [() => true, () => false] as const

/** The program of the browser on this machine; null where there is none. */
export async function chromiumProgram(): Promise<string | null> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'chromium')
    if (await access(path).then(...isThere)) return path
  }
  return null
}

/** Opens a page and closes the browser again; resolves when the page has told the shop something. */
export async function visit<Told>(program: string, shop: Shop): Promise<Told> {
  const profile = await mkdtemp(join(tmpdir(), 'shelfedge-chromium-'))
  const browser = spawn(
    program,
    [
      ...['--headless', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${profile}`],
      // Its sandbox does not start for root, and it sees no page but the shop's.
      ...['--no-sandbox', '--no-first-run', '--disable-background-networking', shop.url],
    ],
    { stdio: 'ignore', detached: true },
  )
  const exited = once(browser, 'exit')
  try {
    const ended = exited.then(() => Promise.reject(new Error('the browser ended by itself')))
    return (await Promise.race([shop.told, ended])) as Told
  } finally {
    // Its own processes too: they are of the group that it leads.
    if (browser.exitCode === null && browser.pid) process.kill(-browser.pid, 'SIGKILL')
    await exited
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** A web server with one page, and the files of a directory under `/sdk/`; what is posted to `/told` resolves `told`. */
export async function openShop(page: string, sdkDirectory: string) {
  const told = Promise.withResolvers<unknown>()
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://shop').pathname
    if (path === '/told') {
      told.resolve(await json(request))
      response.end()
    } else if (path.startsWith('/sdk/') && extname(path) === '.js') {
      response.setHeader('content-type', 'text/javascript')
      const file = resolve(sdkDirectory, path.slice('/sdk/'.length))
      await pipeline(createReadStream(file), response)
    } else {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(page)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}/`,
    told: told.promise,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
export type Shop = Awaited<ReturnType<typeof openShop>>
