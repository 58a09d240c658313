import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { hubVariables } from '#test/support/hub.ts'

interface Line {
  readonly msg: string
  readonly url?: string
}

/** Starts the program of a hub; `heard` resolves with its next line that says so. */
function startHub(directory: string) {
  const hub = spawn(process.execPath, ['hub/main.ts'], {
    env: { PATH: process.env.PATH, ...hubVariables, HUB_PORT: '0', HUB_DATA_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: hub.stdout })[Symbol.asyncIterator]()
  const said: string[] = []
  const heard = async (msg: string): Promise<Line> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the hub ended after ${said.join(', ')}`)
      const line = JSON.parse(value) as Line
      said.push(line.msg)
      if (line.msg === msg) return line
    }
  }
  return { hub, heard, said }
}

it('a hub that is asked to end twice, as by a Ctrl-C and whoever started it, finishes what it has', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-stop-'))
  const { hub, heard, said } = startHub(directory)
  const { url = '' } = await heard('hub listening')
  // Whoever waits for it is told at once what for, and of each part when it is there.
  expect(said[0]).toBe('opening the log, the store and the registry …')
  for (const part of ['log', 'store', 'registry']) expect(said).toContain(`the ${part} is open`)
  const asking = request(`${url}/v1/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${hubVariables.ADMIN_TOKEN}` },
  })
  asking.write('SELECT 1 ')
  await once(asking, 'socket').then(([socket]) => socket.connecting && once(socket, 'connect'))
  // Another question that is answered shows that the one before has been taken.
  await fetch(`${url}/healthz`)
  hub.kill('SIGINT')
  await heard('stopping')
  hub.kill('SIGTERM')
  const ended = exitOf(hub)
  asking.end('AS one')
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  expect(JSON.parse(await text(answer))).toEqual([{ one: 1 }])
  await expect(heard('never said')).rejects.toThrow('the hub ended')
  expect(await ended).toBe(0)
  expect(said.filter((msg) => msg === 'stopping')).toHaveLength(1)
  await rm(directory, { recursive: true, force: true })
}, 60_000)

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'exit')
  return code
}
