import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { bundleWorker } from '#edge/box/bundle.ts'
import { pushRelease } from '#hub/publishing/push.ts'
import { importReleaseKey } from '#hub/release-key.ts'
import { packRelease } from '#shared/release.ts'
import { popSecret } from '../../support/keys.ts'
import { smallRelease } from '../../support/release.ts'
import { loadSite } from '../deliveries.ts'
import { largeModel } from './large-model.ts'
import { startPop } from './pops.ts'

const swapsTotal = 6
const sampleEveryMs = 50
const mb = 2 ** 20

/**
 * What the isolate of a POP holds in heap and buffers, MB: with the live release and its standby, the least seen, and
 * in swaps, the most seen. Each release is of the largest size, with facts of 36,000 items. workerd sets no bound here
 * and collects late, so the most includes garbage. Linear memory is not in it: V8 does not count it.
 */
export async function measureIsolate() {
  const secrets = { popSecret, releasePrivateKey: randomBytes(32).toString('hex') }
  const pop = startPop('memory', await bundleWorker(), secrets, { inspectorPort: 0 })
  try {
    const { origin } = await pop.ready
    const { used, close } = await inspect(await pop.getInspectorURL(), 'core:user:memory')
    const push = await pusher(origin, secrets.releasePrivateKey)
    let twoMb = Number.POSITIVE_INFINITY
    let mostMb = 0
    for (let seed = 1; seed <= swapsTotal; seed++) {
      const pushing = push(seed, seed % 2 === 1 ? 'live' : 'standby')
      let isOver = false
      const over = () => {
        isOver = true
      }
      pushing.then(over, over)
      while (!isOver) {
        mostMb = Math.max(mostMb, await used())
        await wait(sampleEveryMs)
      }
      await pushing
      if (seed > 1) twoMb = Math.min(twoMb, await used())
    }
    close()
    return { twoMb, mostMb }
  } finally {
    await pop.dispose()
  }
}

async function pusher(popUrl: string, releasePrivateKey: string) {
  const { privateKey: key } = await importReleaseKey(releasePrivateKey)
  const signature = { key, now: () => Date.now(), newId: () => crypto.randomUUID() }
  const base = smallRelease({ site: loadSite, sessions: [[0, 1]], itemsTotal: 2 })
  return async (seed: number, use: 'live' | 'standby') => {
    const { bytes: model, declaration } = largeModel(undefined, seed)
    const facts = { name: 'A thing', category: 'things', price: 12.5, available: true }
    const items = declaration.vocabulary.map((id) => ({ id, ...facts }))
    const parts = { ...base, catalogue: { items }, models: { 'session-knn': model } }
    const { digest, bytes } = await packRelease(parts)
    await pushRelease(popUrl, loadSite, { digest, bytes: async () => bytes, use }, signature)
  }
}

interface HeapUsage {
  readonly usedSize: number
  readonly backingStorageSize: number
}

/** Asks the inspector of an isolate, as a debugger does (Chrome DevTools Protocol). */
async function inspect(address: URL, target: string) {
  const socket = new WebSocket(new URL(`/${target}`, address))
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  const waiting = new Map<number, (result: unknown) => void>()
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown }
    if (id !== undefined) waiting.get(id)?.(result)
  }
  let asked = 0
  const ask = (method: string) =>
    new Promise<unknown>((resolve) => {
      waiting.set(++asked, resolve)
      socket.send(JSON.stringify({ id: asked, method }))
    })
  await ask('Runtime.enable')
  return {
    used: async () => {
      const { usedSize, backingStorageSize } = (await ask('Runtime.getHeapUsage')) as HeapUsage
      return (usedSize + backingStorageSize) / mb
    },
    close: () => socket.close(),
  }
}
