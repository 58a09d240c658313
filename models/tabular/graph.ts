import { onnxDataTypes } from '#shared/onnx-model.ts'
import { kindMetadataKey, type OwnTabularModel } from '#shared/tabular/model.ts'
import { type GraphBuilder, newModel, type Value } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file of a tabular model: its constants are the model, its nodes the maths of `scoreRow`, in the
 * same order. Input `features`: float32 [1, columns]. Output `score`: float32 [1], 0 to 1.
 */
export function buildTabularModel(tabular: OwnTabularModel): Uint8Array {
  const { model, graph } = newModel('tabular', opset)
  const columns = tabular.weights.length
  graph.constant('weights', tabular.weights)
  graph.constant('bias', tabular.bias)
  const row = graph.op('Squeeze', ['features', graph.int64(0)])
  const margin = graph.op('Add', [
    summed(graph, graph.op('Mul', [row, 'weights']), columns),
    'bias',
  ])
  graph.ops('Sigmoid', [margin], ['score'])
  model.inputs.push({ name: 'features', dataType: onnxDataTypes.float, dims: [1, columns] })
  model.outputs.push({ name: 'score', dataType: onnxDataTypes.float, dims: [1] })
  model.metadata.set(kindMetadataKey, tabular.kind)
  return writeModel(model)
}

/** One after the other: ReduceSum adds in an order of its own, and the fallback could not follow. */
function summed(graph: GraphBuilder, values: Value, length: number): Value {
  const zero = graph.filled(graph.int64(1), Float32Array.of(0))
  return graph.addAt(zero, graph.constant('addends', new Int32Array(length)), values)
}
