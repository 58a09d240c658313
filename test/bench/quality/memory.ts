import { randomBytes } from 'node:crypto'
import { bundleWorker } from '#edge/box/bundle.ts'
import { sendSigned } from '#hub/publishing/send-signed.ts'
import { importReleaseKey } from '#hub/release-key.ts'
import { releasePath, releaseSignatureHeader, releaseStateSchema } from '#shared/contract.ts'
import { packRelease } from '#shared/release.ts'
import { signRelease } from '#shared/signature.ts'
import { popSecret } from '../../support/keys.ts'
import { smallRelease } from '../../support/release.ts'
import { loadSite } from '../deliveries.ts'
import {
  type Held,
  type IsolateInspector,
  inspectIsolate,
  larger,
  totalMb,
} from './inspect-isolate.ts'
import { largeModel } from './large-model.ts'
import { startPop } from './pops.ts'
import { withStops } from './stops.ts'

/** So many that linear memory does not grow any more. */
const swapsUncollected = 4

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
  const modules = withStops(await bundleWorker())
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

type Push = (seed: number, use: 'live' | 'standby') => Promise<unknown>

async function measureSwaps(isolate: IsolateInspector, push: Push, of: string) {
  const empty = await isolate.inUse()
  await push(1, 'live')
  const oneRelease = await isolate.inUse()
  await push(2, 'standby')
  const twoReleases = await isolate.inUse()
  let seed = 2
  const most = async (swaps: number, watch: (work: () => Promise<unknown>) => Promise<Held>) => {
    let found = await isolate.inUse()
    for (let swap = 0; swap < swaps; swap++) {
      seed++
      const use = seed % 2 === 1 ? 'live' : 'standby'
      found = larger(found, await watch(() => push(seed, use)))
    }
    return found
  }
  const uncollectedPeak = await most(swapsUncollected, isolate.mostUncollected)
  const swapPeak = await most(1, isolate.mostInUse)
  const afterSwaps = await isolate.inUse()
  const states = { empty, oneRelease, twoReleases, swapPeak, afterSwaps, uncollectedPeak }
  console.table(states)
  return Object.fromEntries(
    Object.entries(states).map(([name, held]) => [`${name}${of}Mb`, totalMb(held)]),
  )
}

/** Pushes releases that differ in their seeds. A POP that is stopped to be looked at answers late. */
async function pusher(
  popUrl: string,
  releasePrivateKey: string,
  { itemsTotal, width }: (typeof kinds)[number],
): Promise<Push> {
  const { privateKey: key } = await importReleaseKey(releasePrivateKey)
  const hub = { key, now: () => Date.now(), newId: () => crypto.randomUUID() }
  const base = smallRelease({ site: loadSite, sessions: [[0, 1]], itemsTotal: 2 })
  return async (seed, use) => {
    const { bytes: model, declaration } = largeModel(seed, itemsTotal, width)
    const items = declaration.vocabulary.map((id, at) => ({
      ...{ id, name: `A thing for the house, number ${at}`, category: `things-${at % 50}` },
      ...{ price: (at % 1_000) / 10, available: true },
    }))
    const parts = { ...base, catalogue: { items }, models: { 'session-knn': model } }
    const { digest, bytes } = await packRelease(parts)
    const query = new URLSearchParams({ site: loadSite, digest })
    if (use === 'standby') query.set('as', use)
    const headers = { [releaseSignatureHeader]: await signRelease(key, loadSite, digest) }
    const request = { method: 'PUT', path: `${releasePath}?${query}`, headers } as const
    const order = { ...request, body: bytes, timeMaxMs: 300_000 }
    await sendSigned(popUrl, order, releaseStateSchema, hub)
  }
}
