import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundleWorker } from '#edge/box/bundle.ts'
import { measureIsolate } from './isolate-memory.ts'
import { largeModel } from './large-model.ts'

/** What an isolate holds with one and with two of the largest models: of linear memory, and of all of it as a POP. */
export async function measureMemory(): Promise<Record<string, number>> {
  const linear = await measureLinear()
  const { twoMb, mostMb } = await measureIsolate()
  return {
    ...linear,
    isolateTwoReleasesMb: twoMb + linear.linearMemoryTwoModelsMb,
    isolateSwapPeakMb: mostMb + linear.linearMemoryTwoModelsMb,
  }
}

/** A model and another beside it, each run once. */
async function measureLinear() {
  const workerd = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleWorker('test/edge/workers/memory-worker.toml'),
      compatibilityDate: '2026-10-01',
    }),
  )
  try {
    const url = await workerd.ready
    const load = async (seed: number) => {
      const { bytes } = largeModel(undefined, seed)
      const response = await fetch(url, { method: 'PUT', body: bytes })
      if (!response.ok) throw new Error(`the worker answered ${await response.text()}`)
      return { megabytes: Number(await response.text()), bytes: bytes.length }
    }
    const first = await load(1)
    const second = await load(2)
    return {
      memoryModelMb: first.bytes / 2 ** 20,
      linearMemoryOneModelMb: first.megabytes,
      linearMemoryTwoModelsMb: second.megabytes,
    }
  } finally {
    await workerd.dispose()
  }
}
