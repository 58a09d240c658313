/**
 * The process of the embedded store: chDB behind the same client as a server, answering over the IPC channel.
 *
 * Started by chdb-store.ts with the directory of the data as its argument.
 */

import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { createBirpc } from 'birpc'
import { createChdbConnection } from 'chdb/connection'
import { endWithHub } from '../end-with-hub.ts'
import { toStoreError } from './clickhouse-errors.ts'
import { type ClickHouseAccess, createClickHouseEngine } from './clickhouse-store.ts'
import type { TextEngine } from './text-engine.ts'
import { Turns } from './turns.ts'

/** An answer that survives the channel: an error class does not, its fields do. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly message: string }

type Answered<F> = F extends (...args: infer A) => Promise<infer R>
  ? (...args: A) => Promise<Answer<R>>
  : never

/** What the parent can ask. */
export type ChdbFunctions = { [Name in keyof TextEngine]: Answered<TextEngine[Name]> } & {
  peakMb: () => Promise<Answer<number>>
}

// chDB works on the four threads of libuv: one for what writes, so that three long queries never stop ingest.
const writes = new Turns(1, 1_000)
const reads = new Turns(3, 100)

type Client = ReturnType<typeof createClient>

function openClient(directory: string): Client {
  // The two packages declare the same interface twice, differing in a type of the `Headers` they never share.
  const connection = createChdbConnection({ path: directory }) as unknown
  const log = { level: ClickHouseLogLevel.OFF }
  return createClient({ connection, log } as Parameters<typeof createClient>[0])
}

/** Access to chDB: one connection for writes, a fresh one (about 3 ms) for every query. */
function accessTo(directory: string): ClickHouseAccess {
  return {
    client: openClient(directory),
    withReader: (run) =>
      reads.run(async () => {
        const reader = openClient(directory)
        try {
          return await run(reader)
        } finally {
          await reader.close()
        }
      }),
  }
}

/** The most memory this process ever had resident. */
function peakMb(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024)
}

async function answer<T>(run: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    const { code, message } = toStoreError(error)
    return { ok: false, code, message }
  }
}

const brokenBytesMax = 200_000_000_000

/**
 * A part that is not whole, because the disk was full, may be as large as parts get (150 GiB); with more than 1 GiB of
 * them a table would not open at the next start, which sets them aside.
 */
async function letTablesOpen({ client }: ClickHouseAccess): Promise<void> {
  for (const table of ['events', 'decisions', 'refusals', 'dead_letters']) {
    const setting = `max_suspicious_broken_parts_bytes = ${brokenBytesMax}`
    await client.command({ query: `ALTER TABLE ${table} MODIFY SETTING ${setting}` })
  }
}

function functionsOver(access: ClickHouseAccess): ChdbFunctions {
  const engine = createClickHouseEngine(access)
  const migrate = async () => {
    const names = await engine.migrate()
    await letTablesOpen(access)
    return names
  }
  return {
    migrate: () => answer(() => writes.run(migrate)),
    insertText: (...args) => answer(() => writes.run(() => engine.insertText(...args))),
    queryText: (...args) => answer(() => engine.queryText(...args)),
    ping: () => answer(() => writes.run(() => engine.ping())),
    close: () => answer(() => writes.run(() => engine.close())),
    peakMb: () => answer(async () => peakMb()),
  }
}

const directory = process.argv[2]
if (!directory || !process.send) throw new Error('chdb-process.ts is started by chdb-store.ts')
createBirpc<Record<string, never>, ChdbFunctions>(functionsOver(accessTo(directory)), {
  post: (message) => process.send?.(message),
  on: (receive) => process.on('message', receive),
  timeout: -1,
})
// A process that stayed would hold the data, and what was answered is on the disk.
endWithHub()
