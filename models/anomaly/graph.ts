import { onnxDataTypes } from '#shared/onnx-model.ts'
import {
  type ForecastModel,
  farthest,
  forecastMetadata,
  windowColumns,
} from '#shared/stream/forecast.ts'
import { newModel } from '../onnx/graph-builder.ts'
import { summed } from '../onnx/summed.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file of a forecast: its constants are the model, its nodes the maths of `foretell`, in the same
 * order. Input `window`: float32 [1, windowColumns]. Output `foretold`: float32 [1], in deviations.
 */
export function buildForecastModel({ weights, bias }: ForecastModel): Uint8Array {
  const { model, graph } = newModel('forecast', opset)
  const row = graph.op('Squeeze', ['window', graph.int64(0)])
  const values = graph.op('Mul', [row, graph.constant('weights', weights)])
  const sum = summed(graph, { values, length: weights.length })
  const foretold = graph.op('Add', [sum, graph.constant('bias', bias)])
  const least = graph.op('Max', [foretold, graph.float(-farthest)])
  graph.ops('Min', [least, graph.float(farthest)], ['foretold'])
  model.inputs.push({ name: 'window', dataType: onnxDataTypes.float, dims: [1, windowColumns] })
  model.outputs.push({ name: 'foretold', dataType: onnxDataTypes.float, dims: [1] })
  model.metadata.set(forecastMetadata.key, forecastMetadata.kind)
  return writeModel(model)
}
