import { hostileModels, promised } from '../../support/hostile-models.ts'
import { loadSite } from '../deliveries.ts'
import { startMeasuredHub } from '../measured-hub.ts'
import { pushTo } from './push-to.ts'

/** Pushes every hostile model to a hub in a process of its own, and sees what came of the hub and of its tags. */
export async function measureHostile(): Promise<Record<string, number>> {
  const hub = await startMeasuredHub({})
  const { itemsTotal, ...shape } = promised
  const vocabulary = Array.from({ length: itemsTotal }, (_, at) => `item-${at}`)
  const declaration = { family: 'sequence', ...shape, vocabulary }
  let [crashes, accepted, cutOff, slowestMs] = [0, 0, 0, 0]
  try {
    for (const { what, bytes } of hostileModels) {
      const startedAt = performance.now()
      const pushed = await pushTo(hub, { bytes: new Uint8Array(bytes()), declaration }).catch(
        () => null,
      )
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      const isAlive = (await fetch(`${hub.url}/healthz`).catch(() => null))?.ok === true
      if (!isAlive) crashes++
      if (pushed === null) cutOff++
      if (pushed?.accepted === true) {
        accepted++
        console.log(`${what}: ${JSON.stringify(pushed)}`)
      }
    }
    const moves = await hub.ask<unknown[]>(`/v1/history?site=${loadSite}`)
    return {
      hostilePushed: hostileModels.length,
      hostileAccepted: accepted,
      // A body over every bound is not read to its end: the sender finds the connection closed.
      hostileCutOff: cutOff,
      hostileActivated: moves.length,
      hostileCrashes: crashes,
      hostileSlowestSeconds: slowestMs / 1_000,
    }
  } finally {
    await hub.remove()
  }
}
