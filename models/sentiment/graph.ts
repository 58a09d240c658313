import { onnxDataTypes } from '#shared/onnx-model.ts'
import {
  listRows,
  listSpread,
  listUnit,
  sentiments,
  type TextModel,
  weightOfNothing,
} from '#shared/text/model.ts'
import { bucketsMax, bucketsTotal, wordsMax } from '#shared/text/read-text.ts'
import { type GraphBuilder, newModel, type Value } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file: its constants are the model, its nodes the maths of `scoreText`, in the same order. Inputs
 * `buckets`: int32 [bucketsMax], `words` and `signs`: int32 [wordsMax], as `paddedText` makes them. Output `score`: float32
 * [1], -1 to 1.
 */
export function buildTextModel(text: TextModel): Uint8Array {
  const { model, graph } = newModel('sentiment', opset)
  const rowsOf = (name: string, data: Uint8Array | Int32Array, rows: number) => {
    const dataType = data instanceof Uint8Array ? onnxDataTypes.uint8 : onnxDataTypes.int32
    model.initializers.set(name, { dims: [rows, data.length / rows], dataType, data })
  }
  rowsOf('weights', text.weights, bucketsTotal + 1)
  rowsOf('listHashes', text.listHashes, listRows)
  rowsOf('listRatings', text.listRatings, listRows)
  for (const name of ['step', 'bias'] as const) graph.constant(name, text[name])
  const said = listSays(graph)
  const columns = sentiments.length
  graph.constant('listWeights', text.listWeights)
  const weightsOf = (from: number, to: number) =>
    graph.op('Slice', ['listWeights', graph.int64(from), graph.int64(to)])
  const ofList = graph.op('Add', [
    graph.op('Mul', [weightsOf(0, columns), said]),
    graph.op('Mul', [weightsOf(columns, 2 * columns), graph.op('Abs', [said])]),
  ])
  const margins = graph.op('Add', [ofBuckets(graph), ofList])
  const likely = graph.op('Softmax', [margins], { axis: 0 })
  const at = (sentiment: (typeof sentiments)[number]) =>
    graph.op('Gather', [likely, graph.int64(sentiments.indexOf(sentiment))])
  const positive = at('positive')
  graph.ops('Sub', [positive, at('negative')], ['score'])
  for (const [name, length] of [
    ['buckets', bucketsMax],
    ['words', wordsMax],
    ['signs', wordsMax],
  ] as const) {
    model.inputs.push({ name, dataType: onnxDataTypes.int32, dims: [length] })
  }
  model.outputs.push({ name: 'score', dataType: onnxDataTypes.float, dims: [1] })
  return writeModel(model)
}

function ofBuckets(graph: GraphBuilder): Value {
  const rows = graph.toInt32(graph.op('Gather', ['weights', 'buckets']))
  const sums = graph.op('ReduceSum', [rows, graph.int64(0)], { keepdims: 0 })
  // The padding too is of weights that stand for nothing.
  const whole = graph.op('Sub', [sums, graph.int32(weightOfNothing * bucketsMax)])
  const isBucket = graph.toInt32(graph.op('Less', ['buckets', graph.int32(bucketsTotal)]))
  const count = graph.op('ReduceSum', [isBucket, graph.int64(0)], { keepdims: 1 })
  const root = graph.op('Sqrt', [toFloat(graph, graph.op('Max', [count, graph.int32(1)]))])
  const scaled = graph.op('Mul', [toFloat(graph, whole), graph.op('Div', ['step', root])])
  return graph.op('Add', [scaled, 'bias'])
}

/** Each word is looked up in its row of the list: of the hashes there at most one is its own. */
function listSays(graph: GraphBuilder): Value {
  const rows = graph.op('Mod', ['words', graph.int32(listRows)])
  const words = graph.op('Unsqueeze', ['words', graph.int64(1)])
  const isIt = graph.toInt32(graph.op('Equal', [graph.op('Gather', ['listHashes', rows]), words]))
  const ratings = graph.toInt32(graph.op('Gather', ['listRatings', rows]))
  const found = graph.op('Mul', [isIt, graph.op('Sub', [ratings, graph.int32(weightOfNothing)])])
  const each = graph.op('ReduceSum', [found, graph.int64(1)], { keepdims: 0 })
  const signed = graph.op('Mul', [each, 'signs'])
  const sum = toFloat(graph, graph.op('ReduceSum', [signed, graph.int64(0)], { keepdims: 1 }))
  const rating = graph.op('Div', [sum, graph.float(listUnit)])
  const squares = graph.op('Mul', [rating, rating])
  const spread = graph.op('Add', [squares, graph.float(listSpread)])
  return graph.op('Div', [rating, graph.op('Sqrt', [spread])])
}

function toFloat(graph: GraphBuilder, value: Value): Value {
  return graph.op('Cast', [value], { to: onnxDataTypes.float })
}
