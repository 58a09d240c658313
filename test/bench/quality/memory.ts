import { randomBytes } from 'node:crypto'
import { bundleWorker } from '#edge/box/bundle.ts'
import { pushRelease } from '#hub/publishing/push.ts'
import { importReleaseKey } from '#hub/release-key.ts'
import { packRelease } from '#shared/release.ts'
import { popSecret } from '../../support/keys.ts'
import { smallRelease } from '../../support/release.ts'
import { loadSite } from '../deliveries.ts'
import { type Held, type IsolateInspector, inspectIsolate } from './inspect-isolate.ts'
import { largeModel } from './large-model.ts'
import { startPop } from './pops.ts'

const swapsTotal = 4

/** Releases of the largest size there may be: items, and numbers of each in the model. */
const kinds = [
  { itemsTotal: 36_000, width: 64 },
  { itemsTotal: 100_000, width: 22 },
] as const

/**
 * What the isolate of a POP holds, heap, buffers and linear memory, while releases of the largest size come and go: with
 * one and two of them, and the most seen while a third came. That is of what is in use: garbage is collected before every
 * look. `Uncollected` is with garbage as well: workerd sets no bound here, and collects late.
 */
export async function measureMemory(): Promise<Record<string, number>> {
  const modules = await bundleWorker()
  const figures: Record<string, number> = {}
  for (const kind of kinds) {
    const secrets = { popSecret, releasePrivateKey: randomBytes(32).toString('hex') }
    const pop = startPop('memory', modules, secrets, { inspectorPort: 0 })
    try {
      const { origin } = await pop.ready
      const isolate = await inspectIsolate(
        new URL('/core:user:memory', await pop.getInspectorURL()),
      )
      const push = await pusher(origin, secrets.releasePrivateKey, kind)
      Object.assign(
        figures,
        await measureSwaps(isolate, push, `Of${kind.itemsTotal / 1_000}kItems`),
      )
      isolate.close()
    } finally {
      await pop.dispose()
    }
  }
  return figures
}

type Push = (seed: number, use: 'live' | 'standby') => Promise<{ readonly releaseMb: number }>

async function measureSwaps(isolate: IsolateInspector, push: Push, of: string) {
  const empty = await isolate.live()
  const { releaseMb } = await push(1, 'live')
  const oneRelease = await isolate.live()
  await push(2, 'standby')
  const twoReleases = await isolate.live()
  let seed = 2
  const mostSeen = async (look: () => Promise<Held>) => {
    let most = await look()
    for (let swap = 0; swap < swapsTotal; swap++) {
      seed++
      const pushing = push(seed, seed % 2 === 1 ? 'live' : 'standby')
      let isOver = false
      const over = () => {
        isOver = true
      }
      pushing.then(over, over)
      while (!isOver) most = larger(most, await look())
      await pushing
    }
    return most
  }
  const swapPeak = await mostSeen(isolate.live)
  const uncollectedPeak = await mostSeen(isolate.uncollected)
  const afterSwaps = await isolate.live()
  const states = { empty, oneRelease, twoReleases, swapPeak, afterSwaps, uncollectedPeak }
  console.log(`releases of ${releaseMb.toFixed(1)} MB`)
  console.table(states)
  return Object.fromEntries(
    Object.entries(states).map(([name, held]) => [`${name}${of}Mb`, totalMb(held)]),
  )
}

/** Pushes releases that differ in their seeds; answers with the size of one. */
async function pusher(
  popUrl: string,
  releasePrivateKey: string,
  { itemsTotal, width }: (typeof kinds)[number],
): Promise<Push> {
  const { privateKey: key } = await importReleaseKey(releasePrivateKey)
  const signature = { key, now: () => Date.now(), newId: () => crypto.randomUUID() }
  const base = smallRelease({ site: loadSite, sessions: [[0, 1]], itemsTotal: 2 })
  return async (seed, use) => {
    const { bytes: model, declaration } = largeModel(seed, itemsTotal, width)
    const items = declaration.vocabulary.map((id, at) => ({
      ...{ id, name: `A thing for the house, number ${at}`, category: `things-${at % 50}` },
      ...{ price: (at % 1_000) / 10, available: true },
    }))
    const parts = { ...base, catalogue: { items }, models: { 'session-knn': model } }
    const { digest, bytes } = await packRelease(parts)
    await pushRelease(popUrl, loadSite, { digest, bytes: async () => bytes, use }, signature)
    return { releaseMb: bytes.length / 2 ** 20 }
  }
}

function larger(one: Held, other: Held): Held {
  return totalMb(one) > totalMb(other) ? one : other
}

function totalMb({ heapMb, buffersMb, linearMb }: Held): number {
  return heapMb + buffersMb + linearMb
}
