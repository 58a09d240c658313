import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { onnxDataTypes } from '#shared/onnx-model.ts'

const itemsMax = 5
const candidates = 20

/** A model that names the items nearest to a session, of about as many bytes as a release may have. */
export function largeModel(seed = 1, itemsTotal = 36_000, width = 64) {
  const { model, graph } = newModel('large', 16)
  model.inputs.push({ name: 'session', dataType: onnxDataTypes.int32, dims: [itemsMax] })
  model.initializers.set('table', {
    ...{ dims: [itemsTotal, width], dataType: onnxDataTypes.float },
    data: weights(itemsTotal * width, seed),
  })
  const rows = graph.op('Max', ['session', graph.int32(0)])
  const seen = graph.op('Gather', ['table', rows])
  const taste = graph.op('ReduceSum', [seen, graph.int64(0)], { keepdims: 1 })
  const near = graph.op('MatMul', ['table', graph.op('Transpose', [taste])])
  const shares = graph.op('Sigmoid', [graph.op('Squeeze', [near, graph.int64(1)])])
  graph.ops('TopK', [shares, graph.int64(candidates)], ['scores', 'places'], { axis: 0 })
  graph.ops('Cast', ['places'], ['items'], { to: onnxDataTypes.int32 })
  model.outputs.push({ name: 'items', dataType: onnxDataTypes.int32, dims: [candidates] })
  model.outputs.push({ name: 'scores', dataType: onnxDataTypes.float, dims: [candidates] })
  const vocabulary = Array.from({ length: itemsTotal }, (_, at) => `item-${at}`)
  const declaration = { family: 'sequence' as const, itemsMax, candidates, vocabulary }
  return { bytes: new Uint8Array(writeModel(model)), declaration }
}

/** Numbers between -0.5 and 0.5 that no packing makes smaller. */
function weights(length: number, seed: number): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32 - 0.5
  })
}
