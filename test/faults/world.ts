import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Child, startChild, untilReady } from '#hub/local/child.ts'
import { localSecrets, type Secrets } from '#hub/local/secrets.ts'
import { publicKeyHexOf } from '#hub/release-key.ts'
import { freePort } from '#test/support/free-port.ts'
import { childrenOf } from '#test/support/processes.ts'
import { layWire, type Wire } from './wire.ts'

export const site = 'shop'
export const writeKey = 'shop-key'
const endTimeMaxMs = 60_000
const linesShown = 15

type Settings = Readonly<Record<string, string>>

export interface WorldOptions {
  readonly hub?: Settings
  readonly pop?: Settings
  /** Where hubs keep their files; a directory of the world's own where none is named. */
  readonly hubDataDir?: string
  /** What each hub beside the first has of its own, beyond its files; POPs reach all hubs in turn. */
  readonly otherHubs?: readonly Settings[]
}

/** A process of the world, that can be killed, frozen and started again with other settings. */
export interface Part {
  readonly url: string
  readonly pid: number
  start(settings?: Settings): Promise<void>
  kill(): Promise<void>
  /** Asks it to end, as a rolling restart does. */
  stop(): Promise<void>
  /** Resolves when it has ended by itself. */
  ended(): Promise<void>
}

/** A hub and a POP in processes of their own, and a wire between them. */
export interface World {
  readonly dataDir: string
  readonly hub: Part
  readonly otherHubs: readonly Part[]
  readonly pop: Part
  /** From the POP to the hub. */
  readonly wire: Wire
  readonly popUrl: string
  readonly secrets: Secrets
  query<Row>(sql: string): Promise<Row[]>
  ask<Answer>(path: string, init?: RequestInit): Promise<Answer>
  /** Process ids of the runtime that serves the POP's requests (workerd). */
  runtimePids(): number[]
  remove(): Promise<void>
}

/** Starts hub and POP on free ports in a new directory. */
export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-faults-'))
  const secrets = await localSecrets(dataDir)
  const [hubPort, popPort] = [await freePort(), await freePort()]
  const otherPorts: number[] = []
  const ofOthers = options.otherHubs ?? []
  for (const _ of ofOthers) otherPorts.push(await freePort())
  const wire = await layWire(hubPort, ...otherPorts)
  const hubUrl = `http://127.0.0.1:${hubPort}`
  const popUrl = `http://127.0.0.1:${popPort}`
  const settings = {
    SITES: JSON.stringify({ [site]: { writeKeys: [writeKey] } }),
    POP_SECRET: secrets.popSecret,
    LOG_LEVEL: 'warn',
  }
  const hubSettings = {
    ...settings,
    ADMIN_TOKEN: secrets.adminToken,
    RELEASE_PRIVATE_KEY: secrets.releasePrivateKey,
    POP_URLS: JSON.stringify([popUrl]),
    RETRAIN_SECONDS: '0',
    RETRAIN_SESSIONS_MIN: '20',
    ...options.hub,
  }
  const hubOf = (name: string, port: number, directory: string, own: Settings = {}) =>
    partOf(name, 'hub/main.ts', `http://127.0.0.1:${port}`, join(dataDir, `${name}.log`), {
      ...hubSettings,
      ...own,
      ...{ HUB_PORT: String(port), HUB_DATA_DIR: directory },
    })
  const hub = hubOf('hub', hubPort, options.hubDataDir ?? join(dataDir, 'hub'))
  const otherHubs = otherPorts.map((port, index) => {
    const name = `hub-${index + 2}`
    return hubOf(name, port, join(dataDir, name), ofOthers[index])
  })
  const pop = partOf('POP', 'edge/box/main.ts', popUrl, join(dataDir, 'pop.log'), {
    ...settings,
    RELEASE_PUBLIC_KEY: publicKeyHexOf(secrets.releasePrivateKey),
    HUB_URL: `http://127.0.0.1:${wire.port}`,
    POP_ID: 'pop-1',
    POP_PORT: String(popPort),
    POP_DATA_DIR: join(dataDir, 'pop'),
    ...options.pop,
  })
  const ask = async <Answer>(path: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = { authorization: `Bearer ${secrets.adminToken}` }
    const response = await fetch(hubUrl + path, { ...init, headers })
    if (!response.ok) throw new Error(`hub ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Answer
  }
  const remove = async () => {
    await pop.kill()
    await Promise.all([hub, ...otherHubs].map((each) => each.kill()))
    await wire.remove()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    await Promise.all([hub, ...otherHubs, pop].map((part) => part.start()))
  } catch (cause) {
    await remove()
    throw cause
  }
  return {
    ...{ dataDir, hub, otherHubs, pop, wire, popUrl, secrets, ask, remove },
    query: (sql) => ask('/v1/query', { method: 'POST', body: sql }),
    runtimePids: () => childrenOf(pop.pid),
  }
}

function partOf(
  name: string,
  program: string,
  url: string,
  logFile: string,
  fixed: Settings,
): Part {
  let child: Child | null = null
  const running = (): ChildProcess => {
    if (child === null) throw new Error(`the ${name} was never started`)
    return child.process
  }
  return {
    url,
    get pid() {
      return running().pid ?? 0
    },
    async start(settings = {}) {
      child = startChild(name, program, { ...fixed, ...settings }, logFile)
      await untilReady(child, url).catch(async (cause: Error) => {
        throw new Error(`${cause.message} Its last words:\n${await lastLines(logFile)}`, { cause })
      })
    },
    async kill() {
      if (child === null || hasEnded(child.process)) return
      const own = childrenOf(child.process.pid ?? 0)
      const exited = once(child.process, 'exit')
      child.process.kill('SIGKILL')
      await exited
      // What it had started itself would be nobody's: the machine went down as a whole.
      for (const pid of own) killQuietly(pid)
    },
    stop: async () => child?.stop(),
    async ended() {
      for (let waitedMs = 0; !hasEnded(running()); waitedMs += 20) {
        if (waitedMs > endTimeMaxMs) throw new Error(`the ${name} was to end and did not`)
        await wait(20)
      }
    },
  }
}

/** What a log ends with; it is gone with the world, when somebody wants to look. */
async function lastLines(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-linesShown).join('\n')
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
