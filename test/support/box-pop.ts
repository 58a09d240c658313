import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { popSecret, releasePublicKeyHex } from './keys.ts'

/** The program of a POP on a box, its state in a directory that outlives it; it serves `demo`, and there is no hub. */
export async function startBoxPop(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, ['edge/box/main.ts'], {
    env: {
      ...{ PATH: process.env.PATH, SITES: '{"demo":{"writeKeys":["demo"]}}', POP_ID: 'box' },
      ...{ HUB_URL: 'http://127.0.0.1:1', POP_SECRET: popSecret },
      ...{ RELEASE_PUBLIC_KEY: releasePublicKeyHex, POP_PORT: '0', POP_DATA_DIR: directory },
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  /** Its runtime is left behind, and is ended by whoever starts on the directory next. */
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const { message, url } = JSON.parse(line) as { message: string; url?: string }
    if (message !== 'pop listening') continue
    child.stdout.resume()
    return { url: url as string, stop, kill }
  }
  throw new Error('the POP ended before it listened')
}
export type BoxPop = Awaited<ReturnType<typeof startBoxPop>>
