import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
  30_000,
)
