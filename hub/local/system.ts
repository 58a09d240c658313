import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { portInUse } from '#shared/settings.ts'
import type { SiteSettings } from '#shared/sites.ts'
import { publicKeyHexOf } from '../release-key.ts'
import { type Child, startChild, untilReady } from './child.ts'
import { localSecrets, type Secrets } from './secrets.ts'

export interface SystemOptions {
  readonly dataDir: string
  readonly sites: SiteSettings
  /** 0 takes any free port. */
  readonly hubPort: number
  readonly popPort: number
  readonly retrainSeconds: number
  /** Further settings of either side, by name. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A hub and a POP on this machine, each in a process of its own. */
export interface LocalSystem {
  readonly hubUrl: string
  readonly popUrl: string
  readonly secrets: Secrets
  readonly hub: Child
  readonly pop: Child
  startHub(): Promise<void>
  stopHub(): Promise<void>
  startPop(): Promise<void>
  stopPop(): Promise<void>
  stop(): Promise<void>
}

/** Starts hub and POP on loopback and waits until both answer. What it starts, `stop` ends. */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  await mkdir(options.dataDir, { recursive: true })
  const secrets = await localSecrets(options.dataDir)
  const hubPort = await freePort(options.hubPort, '--hub-port')
  const popPort = await freePort(options.popPort, '--pop-port')
  const hubUrl = `http://127.0.0.1:${hubPort}`
  const popUrl = `http://127.0.0.1:${popPort}`
  const settings = settingsOf(options, secrets, { hubUrl, popUrl, hubPort, popPort })
  const hubLog = join(options.dataDir, 'hub.log')
  const popLog = join(options.dataDir, 'pop.log')
  const startHub = () => startChild('hub', 'hub/main.ts', settings, hubLog)
  let hub = startHub()
  const startPop = () => startChild('POP', 'edge/box/main.ts', settings, popLog)
  let pop = startPop()
  const stop = async () => {
    // The POP first: what it still forwards finds a hub.
    await pop.stop()
    await hub.stop()
  }
  try {
    await Promise.all([untilReady(hub, hubUrl), untilReady(pop, popUrl)])
  } catch (cause) {
    await stop()
    throw cause
  }
  return {
    ...{ hubUrl, popUrl, secrets, stop },
    get hub() {
      return hub
    },
    get pop() {
      return pop
    },
    async startHub() {
      hub = startHub()
      await untilReady(hub, hubUrl)
    },
    stopHub: () => hub.stop(),
    async startPop() {
      pop = startPop()
      await untilReady(pop, popUrl)
    },
    stopPop: () => pop.stop(),
  }
}

function settingsOf(
  { dataDir, sites, retrainSeconds, settings }: SystemOptions,
  secrets: Secrets,
  at: { hubUrl: string; popUrl: string; hubPort: number; popPort: number },
): Record<string, string> {
  return {
    SITES: JSON.stringify(sites),
    POP_SECRET: secrets.popSecret,
    ADMIN_TOKEN: secrets.adminToken,
    RELEASE_PRIVATE_KEY: secrets.releasePrivateKey,
    RELEASE_PUBLIC_KEY: publicKeyHexOf(secrets.releasePrivateKey),
    HUB_URL: at.hubUrl,
    HUB_PORT: String(at.hubPort),
    HUB_DATA_DIR: join(dataDir, 'hub'),
    POP_URLS: JSON.stringify([at.popUrl]),
    POP_ID: 'local',
    POP_PORT: String(at.popPort),
    POP_DATA_DIR: join(dataDir, 'pop'),
    RETRAIN_SECONDS: String(retrainSeconds),
    ...settings,
  }
}

/** A port that is free now: the one asked for, or any for 0. Throws a sentence where it is taken. */
async function freePort(wanted: number, option: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening, refuse) => {
    server.once('error', () => refuse(portInUse(wanted, option)))
    server.listen(wanted, '127.0.0.1', listening)
  })
  const address = server.address()
  await new Promise((closed) => server.close(closed))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
