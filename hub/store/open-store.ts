/** Which store: a ClickHouse server when there is a URL, the engine embedded beside us when there is none. */

import { join } from 'node:path'
import { openChdbStore } from './chdb-store.ts'
import { openClickHouseStore } from './clickhouse-store.ts'
import type { Store } from './store.ts'

export interface StoreOptions {
  /** `http://user:password@host:8123/database` */
  readonly url?: string
  readonly dataDir: string
  /** Told when the embedded store's process died. */
  readonly onExit?: (how: string) => void
}

/** Opens the store with its tables up to date. */
export async function openStore({ url, dataDir, onExit }: StoreOptions): Promise<Store> {
  const directory = join(dataDir, 'store')
  const store = url
    ? openClickHouseStore(url)
    : openChdbStore({ directory, ...(onExit && { onExit }) })
  try {
    await store.migrate()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
