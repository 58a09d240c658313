import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { BundledModule } from '#edge/box/bundle.ts'
import { childrenOf } from '#test/support/processes.ts'

const lowestPort = 12_000
/** Linux gives connections those from here. */
const lowestEphemeralPort = 32_768

/** Each a workerd of its own with its files on this disk. */
export interface RacingPop {
  readonly url: string
  /** As a power cut does: it comes back over the files that it had, which Miniflare sees to. */
  kill(): void
  /** The same, and it never comes back. */
  end(): Promise<void>
  dispose(): Promise<void>
}

export interface PopSettings {
  readonly directory: string
  readonly bindings: Readonly<Record<string, string>>
  readonly modules: BundledModule[]
}

/** Starts one after the other: whose child a new workerd is could not be told otherwise. */
export async function startPop(
  name: string,
  port: number,
  { directory, bindings, modules }: PopSettings,
): Promise<RacingPop> {
  const before = new Set(childrenOf(process.pid, 'workerd'))
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...{ host: '127.0.0.1', port, name, modules, compatibilityDate: '2026-10-01' },
      bindings: { ...bindings, POP_ID: name },
      durableObjects: {
        VISITORS: { className: 'Visitors', useSQLite: true },
        OFFERS: { className: 'Offers', useSQLite: true },
        PROFILES: { className: 'Profiles', useSQLite: true },
        RELEASES: { className: 'ReleaseShelf', useSQLite: true },
      },
      resourcePersistencePath: join(directory, name),
      handleStructuredLogs: () => undefined,
    }),
  )
  await runtime.ready
  const pid = childrenOf(process.pid, 'workerd').find((child) => !before.has(child))
  if (pid === undefined) throw new Error(`${name} has no process`)
  let disposed: Promise<void> | undefined
  const dispose = () => {
    disposed ??= runtime.dispose()
    return disposed
  }
  const kill = () => {
    process.kill(pid, 'SIGKILL')
  }
  return {
    ...{ url: `http://127.0.0.1:${port}`, kill, dispose },
    end: () => {
      kill()
      return dispose()
    },
  }
}

/** A free port that no outgoing connection takes by chance before its POP listens. */
export async function portToKeep(taken: readonly number[]): Promise<number> {
  for (;;) {
    const port = randomInt(lowestPort, lowestEphemeralPort)
    if (taken.includes(port)) continue
    const server = createServer()
    const isFree = await Promise.race([
      once(server.listen(port, '127.0.0.1'), 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false)
    if (!isFree) continue
    await once(server.close(), 'close')
    return port
  }
}
