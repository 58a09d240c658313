import { onnxDataTypes } from '#shared/onnx-model.ts'
import {
  type LogisticModel,
  type OwnTabularModel,
  type TreesModel,
  tabularMetadataKeys,
} from '#shared/tabular/model.ts'
import { type GraphBuilder, newModel, type Value } from '../onnx/graph-builder.ts'
import { type Addends, summed } from '../onnx/summed.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file of a tabular model: its constants are the model, its nodes the maths of `scoreRow`, in the
 * same order. Input `features`: float32 [1, columns]. Output `score`: float32 [1], 0 to 1.
 */
export function buildTabularModel(tabular: OwnTabularModel, columns: number): Uint8Array {
  const { model, graph } = newModel('tabular', opset)
  graph.constant('bias', tabular.bias)
  const row = graph.op('Squeeze', ['features', graph.int64(0)])
  const addends =
    tabular.kind === 'logistic' ? weighted(graph, row, tabular) : leaves(graph, row, tabular)
  const margin = graph.op('Add', [summed(graph, addends), 'bias'])
  graph.ops('Sigmoid', [margin], ['score'])
  model.inputs.push({ name: 'features', dataType: onnxDataTypes.float, dims: [1, columns] })
  model.outputs.push({ name: 'score', dataType: onnxDataTypes.float, dims: [1] })
  model.metadata.set(tabularMetadataKeys.kind, tabular.kind)
  if (tabular.kind === 'trees') {
    model.metadata.set(tabularMetadataKeys.depth, String(tabular.depth))
  }
  return writeModel(model)
}

function weighted(graph: GraphBuilder, row: Value, { weights }: LogisticModel): Addends {
  const values = graph.op('Mul', [row, graph.constant('weights', weights)])
  return { values, length: weights.length }
}

/** All trees take a step at once: of each the node it stands at, and from there to `nodeYes` or `nodeNo`. */
function leaves(graph: GraphBuilder, row: Value, trees: TreesModel): Addends {
  const columns = graph.constant('nodeColumns', trees.nodeColumns)
  const edges = graph.constant('nodeEdges', trees.nodeEdges)
  const yes = graph.constant('nodeYes', trees.nodeYes)
  const no = graph.constant('nodeNo', trees.nodeNo)
  const of = (values: Value, nodes: Value) => graph.op('Gather', [values, nodes])
  let nodes = graph.constant('roots', trees.roots)
  for (let step = 0; step < trees.depth; step++) {
    const isBelow = graph.op('Less', [of(row, of(columns, nodes)), of(edges, nodes)])
    nodes = graph.op('Where', [isBelow, of(yes, nodes), of(no, nodes)])
  }
  const values = of(graph.constant('nodeValues', trees.nodeValues), nodes)
  return { values, length: trees.roots.length }
}
