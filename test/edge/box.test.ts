import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { readBoxSettings } from '#edge/box/settings.ts'
import { popSecret, releasePublicKeyHex } from '#test/support/keys.ts'
import { runProgram } from '#test/support/start-program.ts'

const good = {
  SITES: '{"shop":{"writeKeys":["shop-key"]}}',
  HUB_URL: 'http://127.0.0.1:1',
  POP_ID: 'box-1',
  POP_SECRET: popSecret,
  RELEASE_PUBLIC_KEY: releasePublicKeyHex,
}

describe('the settings of a POP on a box', () => {
  it('reach the worker as they are, and nothing else of the machine does', () => {
    const { bindings, ...box } = readBoxSettings({ ...good, REGION: 'north', HOME: 'somewhere' })
    expect(bindings).toEqual({ ...good, REGION: 'north', VISITOR_SHARDS: '4' })
    expect(box).toEqual({ host: '127.0.0.1', port: 8787, dataDir: '.data/pop' })
  })

  it('gather visitors in as many objects as they are told', () => {
    expect(readBoxSettings({ ...good, VISITOR_SHARDS: '0' }).bindings.VISITOR_SHARDS).toBe('0')
  })
})

it.each([
  [
    'of the box',
    'POP_PORT',
    '65536',
    '"65536", which is not allowed: set a whole number from 0 to 65535.',
  ],
  [
    'of the worker',
    'VISITOR_SHARDS',
    'x',
    '"x", which is not allowed: set a whole number from 0 to 256.',
  ],
  [
    'that is secret',
    'POP_SECRET',
    'short',
    '(not shown), which is not allowed: set at least 32 characters.',
  ],
])(
  'a POP with a wrong setting %s ends with code 2 and says so, before it touches the disk',
  async (_of, name, value, sentence) => {
    const directory = mkdtempSync(join(tmpdir(), 'shelfedge-box-'))
    try {
      const settings = { ...good, POP_DATA_DIR: join(directory, 'pop'), [name]: value }
      expect(await runProgram('edge/box/main.ts', settings)).toEqual({
        status: 2,
        stdout: '',
        stderr: `The POP does not start:\n${name} is ${sentence}\n`,
      })
      expect(readdirSync(directory)).toEqual([])
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)

describe('a POP on a data directory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'shelfedge-box-'))
  const settings = { ...good, POP_PORT: '0', POP_DATA_DIR: join(directory, 'pop') }
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('goes on after it was killed, and ends the runtime that this left behind', async () => {
    const killed = await startPop(settings)
    killed.process.kill('SIGKILL')
    await once(killed.process, 'exit')
    expect((await fetch(`${killed.url}/healthz`)).ok).toBe(true)

    const next = await startPop(settings)
    expect(next.lines.join('\n')).toContain('ended the runtime that a killed POP had left behind')
    await expect(fetch(`${killed.url}/healthz`)).rejects.toThrow('fetch failed')
    expect((await fetch(`${next.url}/readyz`)).ok).toBe(true)

    expect(await runProgram('edge/box/main.ts', settings)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`process ${next.process.pid} uses already`),
    })
    next.process.kill('SIGTERM')
    await once(next.process, 'exit')
  })
})

/** Starts the program of a POP; resolves when it listens, with what it said until then. */
async function startPop(settings: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ['edge/box/main.ts'], {
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    const { message, url } = JSON.parse(line) as { message: string; url?: string }
    if (message === 'pop listening') return { process: child, url: url as string, lines }
  }
  throw new Error(`the POP ended: ${lines.join('\n')}`)
}
