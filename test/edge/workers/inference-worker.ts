import { wasmItemScorer } from '#edge/inference/wasm.ts'
import type { ItemModel } from '#shared/model.ts'
import { unpackRelease } from '#shared/release.ts'

/** Inferences between two looks at the clock, which tells whole milliseconds here. */
const repetitions = 20

let scorer: Awaited<ReturnType<typeof wasmItemScorer>> | undefined

/**
 * `PUT`: the bytes of a release. `POST`: a JSON list of sessions of item numbers, answered by the mean
 * time of one inference of each, ms.
 */
export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'PUT') {
      const { models, manifest } = unpackRelease(new Uint8Array(await request.arrayBuffer()))
      const declared = manifest.models['session-knn'] as ItemModel
      scorer = await wasmItemScorer(models['session-knn'] as Uint8Array, declared)
      return new Response()
    }
    if (!scorer) return new Response('no release', { status: 409 })
    const inferenceMs: number[] = []
    for (const session of (await request.json()) as number[][]) {
      const items = Int32Array.from(session)
      const startedAt = performance.now()
      for (let count = 0; count < repetitions; count++) await scorer.score(items)
      inferenceMs.push((performance.now() - startedAt) / repetitions)
    }
    return Response.json(inferenceMs)
  },
}
