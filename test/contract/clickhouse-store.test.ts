import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openClickHouseStore } from '#hub/store/clickhouse-store.ts'
import { openStore } from '#hub/store/open-store.ts'
import type { Store } from '#hub/store/store.ts'
import { type ClickHouseBridge, startClickHouseBridge } from '../support/clickhouse-bridge.ts'
import { storeContract } from './store-contract.ts'

let directory = ''
let bridge: ClickHouseBridge
let store: Store

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-clickhouse-'))
  bridge = await startClickHouseBridge(directory)
  store = await openStore({ url: bridge.url, dataDir: directory })
})

afterAll(async () => {
  await store.close()
  await bridge.close()
  await rm(directory, { recursive: true, force: true })
})

describe('the store over HTTP, chDB behind a bridge', () => storeContract({ store: () => store }))

test('a server that is away is an error to try again after', async () => {
  const away = openClickHouseStore('http://127.0.0.1:1')
  const expected = { name: 'StoreError', code: 'unavailable', retryable: true }
  await expect(away.ping()).rejects.toMatchObject(expected)
  await expect(away.insert('events', [{ site: 'shop' }], 'token')).rejects.toMatchObject(expected)
  await expect(away.query('SELECT 1')).rejects.toMatchObject(expected)
  await away.close()
})
