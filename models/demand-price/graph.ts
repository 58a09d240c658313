import { onnxDataTypes } from '#shared/onnx-model.ts'
import { type DemandModel, demandArrays, demandMetadata } from '#shared/tabular/demand.ts'
import { type GraphBuilder, newModel, type Value } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file of a demand model: its constants are the model, its nodes the maths of `bestPrice`, every price
 * of the grid at once. Input `features`: float32 [1, columns]. Output `score`: float32 [1], a price of the grid.
 */
export function buildDemandModel(demand: DemandModel): Uint8Array {
  const { model, graph } = newModel('demand-price', opset)
  for (const name of demandArrays) graph.constant(name, demand[name])
  const columns = demand.weights.length
  const row = graph.op('Squeeze', ['features', graph.int64(0)])
  const addends = graph.constant('addends', new Int32Array(columns))
  const level = weighted(graph, row, addends, 'weights', 'bias')
  const slope = weighted(graph, row, addends, 'priceWeights', 'priceBias')
  const margins = graph.op('Add', [graph.op('Mul', [slope, 'prices']), level])
  const revenues = graph.op('Mul', ['prices', graph.op('Sigmoid', [margins])])
  const best = graph.op('ArgMax', [revenues], { axis: 0, keepdims: 1 })
  graph.ops('Gather', ['prices', best], ['score'])
  model.inputs.push({ name: 'features', dataType: onnxDataTypes.float, dims: [1, columns] })
  model.outputs.push({ name: 'score', dataType: onnxDataTypes.float, dims: [1] })
  model.metadata.set(demandMetadata.key, demandMetadata.kind)
  return writeModel(model)
}

/** One after the other: ReduceSum adds in an order of its own, and the fallback could not follow. */
function weighted(
  graph: GraphBuilder,
  row: Value,
  addends: Value,
  weights: Value,
  bias: Value,
): Value {
  const zero = graph.filled(graph.int64(1), Float32Array.of(0))
  return graph.op('Add', [graph.addAt(zero, addends, graph.op('Mul', [row, weights])), bias])
}
