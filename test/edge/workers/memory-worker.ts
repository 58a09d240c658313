import { wasmItemScorer } from '#edge/inference/wasm.ts'
import { boundLinearMemory } from '#hub/judging/linear-memory.ts'

// Not to bound it: to know it. The runtime makes its memory when it loads the first model.
const memory = boundLinearMemory(4_096)

/** `PUT`: a model beside those that came before; answered by the linear memory of all, MB, after a run of it. */
export default {
  async fetch(request: Request): Promise<Response> {
    const scorer = await wasmItemScorer(new Uint8Array(await request.arrayBuffer()), {
      ...{ family: 'sequence', inputs: ['session'], outputs: ['items', 'scores'], itemsMax: 5 },
    })
    await scorer.score(Int32Array.of(0))
    return new Response(String(memory.megabytes()))
  },
}
