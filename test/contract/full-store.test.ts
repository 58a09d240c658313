import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { openChdbStore } from '#hub/store/chdb-store.ts'
import type { Store, StoreError } from '#hub/store/store.ts'
import { mountingMissing, mountSmallDisk } from '../faults/small-disk.ts'

const missing = await mountingMissing()
if (missing) console.warn(`The test of a full disk is skipped: ${missing}.`)

const patience = { timeout: 30_000, interval: 100 }

test.skipIf(missing)(
  'a disk that was full in the middle of merges costs no row that was acknowledged',
  { timeout: 120_000 },
  async () => {
    const disk = await mountSmallDisk(400)
    const ends: string[] = []
    const store = openChdbStore({
      directory: `${disk.directory}/store`,
      onExit: (how) => void ends.push(how),
    })
    const acknowledged: string[] = []
    let isOver = false
    const insertAlways = async () => {
      while (!isOver) {
        const visitor = randomUUID()
        const rows = Array.from({ length: 150 }, (_, at) => ({
          ...{ site: 'shop', visitor, message_id: `${at}` },
          properties: JSON.stringify({ note: randomUUID() }),
        }))
        // Under the same token until it is taken, as the consumer does.
        await vi.waitFor(() => store.insert('events', rows, visitor), patience)
        acknowledged.push(visitor)
      }
    }
    try {
      await store.migrate()
      const inserting = insertAlways()
      for (let filled = 0; filled < 2; filled++) {
        const before = acknowledged.length
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 40), patience)
        const endsBefore = ends.length
        await disk.fill()
        await vi.waitFor(async () => expect(await codeOfInsert(store)).toBe('full'), patience)
        await disk.free()
        await vi.waitFor(() => expect(ends.length).toBeGreaterThan(endsBefore), patience)
      }
      isOver = true
      await inserting
      expect(new Set(ends)).toEqual(
        new Set(['its disk was full; what it merged meanwhile may not be whole']),
      )
      // Every column of every row is read; one that was inserted twice is folded when parts are merged.
      const whole = await vi.waitFor(
        () =>
          store.query<{ visitor: string }>(
            `SELECT visitor FROM events GROUP BY visitor
             HAVING uniqExact(message_id) = 150 AND sum(cityHash64(*)) != 0`,
          ),
        patience,
      )
      const kept = new Set(whole.map(({ visitor }) => visitor))
      expect(acknowledged.filter((visitor) => !kept.has(visitor))).toEqual([])
    } finally {
      isOver = true
      await store.close()
      await disk.remove()
    }
  },
)

async function codeOfInsert(store: Store): Promise<string> {
  const row = { site: 'other', visitor: 'v', message_id: randomUUID() }
  return store.insert('events', [row], randomUUID()).then(
    () => 'taken',
    (cause: StoreError) => cause.code,
  )
}
