import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openChdbStore } from '#hub/store/chdb-store.ts'
import { countTastes } from '#hub/training/taste/count-tastes.ts'
import { slotOf } from '#shared/time-of-day.ts'
import { eventRow } from '../../contract/store-contract.ts'

test('a view counts at the hour on the wall of whoever viewed, in the policy’s zone where none is told', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-tastes-'))
  const store = openChdbStore({ directory })
  try {
    await store.migrate()
    const viewed = (site: string, id: string, timestamp: string, timezone: string | null) =>
      eventRow(site, id, {
        ...{ items: ['film'], bot: false, timestamp },
        context: JSON.stringify(timezone === null ? {} : { timezone }),
      })
    const saturday = '2026-01-09T23:30:00.000Z'
    await store.insert(
      'events',
      [
        // Friday night in UTC is Saturday in Berlin, and in Kolkata five hours and a half later.
        viewed('shop', 'm1', saturday, 'Europe/Berlin'),
        viewed('shop', 'm2', saturday, 'Asia/Kolkata'),
        viewed('shop', 'm3', saturday, 'Nowhere/At-All'),
        viewed('shop', 'm4', saturday, null),
        viewed('other', 'm5', saturday, 'Europe/Berlin'),
        { ...viewed('shop', 'm6', saturday, 'Europe/Berlin'), bot: true },
      ],
      'once',
    )
    const { older, newer } = await countTastes(store, 'shop', [{ id: 'film' }], 'America/New_York')
    const counts = Object.fromEntries(
      [...older.counts]
        .map((count, slot) => [slot, count + (newer.counts[slot] ?? 0)] as const)
        .filter(([, count]) => count > 0),
    )
    expect(counts).toEqual({
      [slotOf({ hour: 0, weekday: 6 })]: 1,
      [slotOf({ hour: 5, weekday: 6 })]: 1,
      [slotOf({ hour: 18, weekday: 5 })]: 2,
    })
  } finally {
    await store.close()
    await rm(directory, { recursive: true, force: true })
  }
})
