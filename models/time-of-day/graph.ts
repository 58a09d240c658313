import { onnxDataTypes } from '#shared/onnx-model.ts'
import {
  sessionTotalMin,
  slotsTotal,
  type TasteModel,
  tasteMetadataKeys,
} from '#shared/time-of-day.ts'
import { newModel } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file: its constants are the shares, its nodes the maths of `scoreTaste`, in the same order. Inputs
 * `slot`: int32 [1]; `candidates`: int32 [candidatesMax] as `tasteInputs` makes it; `weights`: float32 of that length.
 * Outputs `items` (int32) and `scores` (float32), best first.
 */
export function buildTasteModel(taste: TasteModel): Uint8Array {
  const { shares, overall, sessionWeight, candidatesMax } = taste
  const { model, graph } = newModel('time-of-day', opset)
  const itemsTotal = overall.length - 1
  const count = Math.min(candidatesMax, itemsTotal)
  model.initializers.set('shares', {
    ...{ dims: [slotsTotal, overall.length], dataType: onnxDataTypes.float, data: shares },
  })
  graph.constant('overall', overall)
  const row = graph.op('Squeeze', [graph.op('Gather', ['shares', 'slot']), graph.int64(0)])
  const lifts = graph.op('Gather', [graph.op('Div', [row, 'overall']), 'candidates'])
  const lifted = graph.op('Mul', ['weights', lifts])
  const zero = graph.filled(graph.int64(1), Float32Array.of(0))
  const addends = graph.constant('addends', new Int32Array(candidatesMax))
  const total = graph.addAt(zero, addends, lifted)
  const divisor = graph.op('Max', [total, graph.float(sessionTotalMin)])
  const weight = graph.constant('sessionWeight', Float32Array.of(sessionWeight))
  const ofSession = graph.op('Mul', [graph.op('Div', [lifted, divisor]), weight])
  const ofHour = graph.op('Mul', [row, graph.op('Sub', [graph.float(1), weight])])
  const all = graph.addAt(ofHour, 'candidates', ofSession)
  const known = graph.op('Slice', [all, graph.int64(0), graph.int64(itemsTotal)])
  graph.ops('TopK', [known, graph.int64(count)], ['scores', 'items_int64'], { axis: 0 })
  graph.ops('Cast', ['items_int64'], ['items'], { to: onnxDataTypes.int32 })
  const vectorOf = (name: string, dataType: 1 | 6, length: number) => {
    return { name, dataType, dims: [length] }
  }
  model.inputs.push(vectorOf('slot', onnxDataTypes.int32, 1))
  model.inputs.push(vectorOf('candidates', onnxDataTypes.int32, candidatesMax))
  model.inputs.push(vectorOf('weights', onnxDataTypes.float, candidatesMax))
  model.outputs.push(vectorOf('items', onnxDataTypes.int32, count))
  model.outputs.push(vectorOf('scores', onnxDataTypes.float, count))
  model.metadata.set(tasteMetadataKeys.sessionWeight, String(sessionWeight))
  model.metadata.set(tasteMetadataKeys.candidatesMax, String(candidatesMax))
  return writeModel(model)
}
