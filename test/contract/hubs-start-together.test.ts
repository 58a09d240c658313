import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '#hub/store/open-store.ts'
import { startClickHouseBridge } from '../support/clickhouse-bridge.ts'

// Several times, because what they do to each other depends on who comes first.
const rounds = 8

test('hubs that start at the same time make the tables together', async () => {
  for (let round = 0; round < rounds; round++) {
    const directory = await mkdtemp(join(tmpdir(), 'shelfedge-together-'))
    const bridge = await startClickHouseBridge(directory)
    const open = () => openStore({ url: bridge.url, dataDir: directory })
    const opened = await Promise.allSettled([open(), open(), open(), open()])
    const stores = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const seen = stores.map(({ query }) => query('SELECT count() AS total FROM events_once'))
    const totals = await Promise.all(seen)
    for (const store of stores) await store.close()
    await bridge.close()
    await rm(directory, { recursive: true, force: true })
    expect(opened.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(totals).toEqual(stores.map(() => [{ total: 0 }]))
  }
})
