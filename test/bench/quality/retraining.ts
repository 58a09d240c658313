import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openChdbStore } from '#hub/store/chdb-store.ts'
import { loadSite } from '../deliveries.ts'
import { largeShop } from '../large-shop.ts'
import { type MeasuredHub, startMeasuredHub } from '../measured-hub.ts'
import { type ProcessFigures, processFigures } from '../process-figures.ts'

// About 2.65 million clicks on 113,000 items.
const shop = { sessionsTotal: 480_000, itemsTotal: 130_000, seed: 1 } as const
const rowsPerInsert = 50_000
const watchEveryMs = 250
const settleMs = 15_000

/** A training of a large shop on a hub of its own: how long it takes, and what hub and store hold at most above idling. */
export async function measureLargeRetraining(): Promise<Record<string, number>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-large-'))
  try {
    await fillStore(join(dataDir, 'store'))
    const hub = await startMeasuredHub({ HUB_DATA_DIR: dataDir })
    try {
      return await retrainWatched(hub)
    } finally {
      await hub.remove()
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function retrainWatched(hub: MeasuredHub): Promise<Record<string, number>> {
  const idle = await idleFigures(hub)
  let peakMb = 0
  let cpuSeconds = 0
  let isOver = false
  const startedAt = performance.now()
  const training = hub.train(console.log).finally(() => {
    isOver = true
  })
  const watching = (async () => {
    while (!isOver) {
      const now = await processFigures(hub.pid)
      peakMb = Math.max(peakMb, now.ownMb + now.childrenMb - idle.ownMb - idle.childrenMb)
      // A process that has ended is no longer seen.
      cpuSeconds = Math.max(cpuSeconds, cpuOf(now) - cpuOf(idle))
      await wait(watchEveryMs)
    }
  })()
  const { outcome, reason, figures } = await training
  const retrainLargeSeconds = (performance.now() - startedAt) / 1_000
  await watching
  if (outcome !== 'published') throw new Error(`${outcome}: ${reason}`)
  return {
    ...{ retrainLargeSeconds, retrainLargePeakMb: peakMb, retrainLargeCpuSeconds: cpuSeconds },
    retrainLargeClicks: figures.clicks as number,
    retrainLargeItems: figures.items as number,
    retrainLargeReadSeconds: figures.readSeconds as number,
    retrainLargeReleaseBytes: figures.releaseBytes as number,
  }
}

/** The least of some seconds: what starting took has to go back first. */
async function idleFigures(hub: MeasuredHub): Promise<ProcessFigures> {
  let least = await processFigures(hub.pid)
  for (let watchedMs = 0; watchedMs < settleMs; watchedMs += watchEveryMs) {
    const now = await processFigures(hub.pid)
    if (now.ownMb + now.childrenMb < least.ownMb + least.childrenMb) least = now
    await wait(watchEveryMs)
  }
  return least
}

/** Of the hub and of what it started: the store, and the training. */
function cpuOf({ ownCpuSeconds, childrenCpuSeconds }: ProcessFigures): number {
  return ownCpuSeconds + childrenCpuSeconds
}

/** Puts the clicks where a hub would have put them: a training reads nothing else. */
async function fillStore(directory: string): Promise<void> {
  const store = openChdbStore({ directory })
  try {
    await store.migrate()
    let rows: Record<string, unknown>[] = []
    let inserts = 0
    const insert = async () => {
      await store.insert('events', rows, `large ${inserts++}`)
      rows = []
    }
    let session = 0
    const firstMs = Date.now() - (shop.sessionsTotal + 1) * 1_000
    for (const items of largeShop(shop)) {
      items.forEach((item, at) => {
        rows.push(rowOf(session, item, at, firstMs))
      })
      session++
      if (rows.length >= rowsPerInsert) await insert()
    }
    await insert()
  } finally {
    await store.close()
  }
}

function rowOf(session: number, item: number, at: number, firstMs: number) {
  return {
    ...{ site: loadSite, visitor: `a:${session}`, message_id: `${session}-${at}`, type: 'track' },
    ...{ event: 'Product Viewed', session: 's', epoch: 1, sequence: at, position: 0, bot: false },
    timestamp: new Date(firstMs + session * 1_000 + at).toISOString(),
    items: [`item-${item}`],
    ...{ properties: '{}', context: '{}', traits: '{}' },
  }
}
