/** Which registry: PostgreSQL when there is a URL, PGlite in the data directory when there is none. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres'
import { migrate as migratePostgres } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'
import { endClaims } from './drizzle-claims.ts'
import { createRegistry, typed } from './drizzle-registry.ts'
import type { Registry } from './registry.ts'
import { syncDirectory } from './sync-directory.ts'

export interface RegistryOptions {
  /** `postgres://user:password@host:5432/database` */
  readonly url?: string
  readonly dataDir: string
  readonly nowMs: () => number
  /** Told of a connection that broke while nobody used it; the next statement makes another. */
  readonly onIdleError?: (error: Error) => void
}

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url))

/** Opens the registry with its tables up to date. */
export function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { url, dataDir, onIdleError, nowMs } = options
  return typed(() =>
    url ? openPostgres(url, onIdleError) : openPglite(join(dataDir, 'registry'), nowMs),
  )
}

// PGlite never syncs (0.5.16: no fsync reaches the system, whatever `fsync` says), so it is done here, after
// every write. Nor does it keep a second process out of its directory: open the log first, which does.
async function openPglite(directory: string, now: () => number): Promise<Registry> {
  const openedAtMs = now()
  mkdirSync(directory, { recursive: true })
  const client = await PGlite.create(directory)
  const database = drizzlePglite({ client })
  await migratePglite(database, { migrationsFolder })
  await endClaims(database)
  let syncedAtMs = openedAtMs
  const sync = async () => {
    const changedSinceMs = syncedAtMs
    const nowMs = now()
    await syncDirectory(directory, changedSinceMs)
    syncedAtMs = nowMs
  }
  await sync()
  const end = () => client.close().then(sync)
  return createRegistry(database, { end, afterWrite: sync })
}

async function openPostgres(url: string, onIdleError?: (error: Error) => void): Promise<Registry> {
  const pool = new pg.Pool({ connectionString: url, max: 5, connectionTimeoutMillis: 10_000 })
  // Without a listener a server that restarts would end the process.
  pool.on('error', (error) => onIdleError?.(error))
  const client = await pool.connect()
  try {
    // Two hubs that start together must not migrate at once: the lock belongs to the connection.
    const database = drizzlePostgres({ client })
    await database.execute(sql`select pg_advisory_lock(hashtext('shelfedge registry'))`)
    await migratePostgres(database, { migrationsFolder })
    await database.execute(sql`select pg_advisory_unlock(hashtext('shelfedge registry'))`)
    client.release()
  } catch (error) {
    client.release(true)
    await pool.end()
    throw error
  }
  const end = () => pool.end()
  return createRegistry(drizzlePostgres({ client: pool }), {
    end,
    afterWrite: async () => undefined,
  })
}
