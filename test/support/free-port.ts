/** A port for a program that must be told one before it starts, and perhaps again when it comes back. */

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below what Linux and others give to connections by themselves, or one of those may take the port meanwhile.
const range = { first: 20_000, last: 32_000 } as const
const triesMax = 100
const given = new Set<number>()

/** A port of this machine that nobody listens on now, by chance and never twice: tests side by side rarely meet. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < triesMax; tried++) {
    const port = randomInt(range.first, range.last + 1)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`no free port from ${range.first} to ${range.last} in ${triesMax} tries`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (isListening) await once(server.close(), 'close')
  return isListening
}
