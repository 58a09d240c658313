import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { onnxDataTypes } from '#shared/onnx-model.ts'

const width = 256
const rounds = 20

/** A model that names item 1 for every session, and multiplies matrices for tens of milliseconds before it does. */
export function slowModel(itemsMax = 5): Uint8Array {
  const { model, graph } = newModel('slow', 16)
  model.inputs.push({ name: 'session', dataType: onnxDataTypes.int32, dims: [itemsMax] })
  const dims = [width, width]
  const data = new Float32Array(width * width).fill(1 / width)
  model.initializers.set('matrix', { dims, dataType: onnxDataTypes.float, data })
  const numbers = graph.op('Cast', ['session'], { to: onnxDataTypes.float })
  const nothing = graph.op('Mul', [
    graph.op('ReduceMax', [numbers], { keepdims: 1 }),
    graph.float(0),
  ])
  // Of the input, or the runtime would do it once when it loads.
  let product = graph.op('Add', ['matrix', nothing])
  for (let round = 0; round < rounds; round++) product = graph.op('MatMul', ['matrix', product])
  const zero = graph.op('Mul', [graph.op('ReduceMean', [product], { keepdims: 0 }), graph.float(0)])
  graph.ops('Add', [zero, graph.float(1)], ['scores'])
  graph.ops('Cast', ['scores'], ['items'], { to: onnxDataTypes.int32 })
  model.outputs.push({ name: 'items', dataType: onnxDataTypes.int32, dims: [1] })
  model.outputs.push({ name: 'scores', dataType: onnxDataTypes.float, dims: [1] })
  return new Uint8Array(writeModel(model))
}
