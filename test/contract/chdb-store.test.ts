import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ChdbStore, openChdbStore } from '#hub/store/chdb-store.ts'
import { readMigrations } from '#hub/store/migrations.ts'
import { openStore } from '#hub/store/open-store.ts'
import { eventRow, storeContract } from './store-contract.ts'

let directory = ''
let store: ChdbStore
const exits: string[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  store = openChdbStore({ directory, onExit: (how) => void exits.push(how) })
  const files = await readMigrations()
  expect(await store.migrate()).toEqual(files.map(({ name }) => name))
}, 60_000)

afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

describe('the embedded store', () => storeContract({ store: () => store }))

test('a long query does not hold up an insert', async () => {
  const limits = { timeMaxMs: 2_000 }
  const long = store.query('SELECT sum(sipHash64(number)) FROM numbers(1e12)', {}, limits).then(
    () => 'answered',
    (error) => error.code,
  )
  const first = await Promise.race([
    long,
    store.insert('events', [eventRow('s', 'm')], randomUUID()),
  ])
  expect(first).toBeUndefined()
  expect(await long).toBe('timeout')
})

test('a process that dies fails what it had in hand as retryable, and comes back with everything', async () => {
  const site = `site-${randomUUID()}`
  const token = randomUUID()
  await store.insert('events', [eventRow(site, 'm1')], token)
  const inHand = store.query('SELECT sum(sipHash64(number)) FROM numbers(1e12)')
  // Without a process id this would end the process group of the test itself.
  if (store.pid === undefined) throw new Error('the store has no process')
  process.kill(store.pid, 'SIGKILL')
  await expect(inHand).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  await vi.waitFor(() => store.ping(), { timeout: 20_000, interval: 50 })
  expect(exits).toContain('SIGKILL')
  await store.insert('events', [eventRow(site, 'm1')], token)
  const rows = await store.query('SELECT count() AS n FROM events WHERE site = {site:String}', {
    site,
  })
  expect(rows).toEqual([{ n: 1 }])
})

test('a signal to every process of the hub leaves the store to the hub, which drains first', async () => {
  await store.ping()
  const { pid } = store
  if (pid === undefined) throw new Error('the store has no process')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal)
  // Twice, so that the second is asked after the signals were heard.
  await store.ping()
  await store.ping()
  expect(store.pid).toBe(pid)
})

test('opened again it has what it had, and says how much memory its process took', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  const first = await openStore({ dataDir })
  await first.insert('events', [eventRow('shop', 'm1')], 'token')
  await first.close()
  await expect(first.ping()).rejects.toMatchObject({ code: 'closed' })
  const again = await openStore({ dataDir })
  expect(await again.query('SELECT message_id FROM events')).toEqual([{ message_id: 'm1' }])
  await again.close()
  await rm(dataDir, { recursive: true, force: true })
  expect(await store.peakMb()).toBeGreaterThan(50)
})

test('after a hub that ended while its disk was full no insert is dropped for a token that was used up', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  const first = await openStore({ dataDir })
  await first.insert('events', [eventRow('shop', 'm1')], 'token')
  await first.close()
  const wasFull = join(dataDir, 'store.was-full')
  await writeFile(wasFull, '')
  const again = await openStore({ dataDir })
  await expect(access(wasFull)).rejects.toMatchObject({ code: 'ENOENT' })
  // Had the token been known, these rows would have been dropped as those that came before under it.
  await again.insert('events', [eventRow('shop', 'm2')], 'token')
  const stored = await again.query('SELECT message_id FROM events ORDER BY message_id')
  expect(stored).toEqual([{ message_id: 'm1' }, { message_id: 'm2' }])
  await again.close()
  await rm(dataDir, { recursive: true, force: true })
})

test('waits at its start for the process that a killed hub left behind', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  const leftBehind = await openStore({ dataDir })
  const refused = Promise.withResolvers<string>()
  const opening = openStore({ dataDir, onExit: refused.resolve })
  expect(await refused.promise).toBe('code 1')
  await leftBehind.close()
  const store = await opening
  await store.ping()
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
}, 60_000)

test('a hub that is killed while it inserts has lost nothing, and the next one opens its store', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  const acknowledged: string[] = []
  // One after the other in the same directory: each waits for what the one before left behind.
  for (let killed = 0; killed < 8; killed++) {
    const inserter = new URL('../support/store-inserter.ts', import.meta.url)
    const child = fork(inserter, [dataDir], { execArgv: [] })
    const insertsBefore = 1 + killed
    await new Promise<void>((resolve, reject) => {
      let inserts = 0
      child.on('message', (visitor: string) => {
        acknowledged.push(visitor)
        if (++inserts === insertsBefore) resolve()
      })
      child.once('exit', (code) => reject(new Error(`the inserter ended with ${code}`)))
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const store = await openStore({ dataDir })
  const stored = await store.query<{ visitor: string; n: number }>(
    'SELECT visitor, count() AS n FROM events GROUP BY visitor',
  )
  const complete = new Set(stored.filter(({ n }) => n === 1_000).map(({ visitor }) => visitor))
  expect(acknowledged.filter((visitor) => !complete.has(visitor))).toEqual([])
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
}, 120_000)
