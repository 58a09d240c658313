import { onnxDataTypes } from '#shared/onnx-model.ts'
import type { GraphBuilder, Value } from './graph-builder.ts'

/** The elements of some rows of a list of rows, end to end. */
export interface RowElements {
  /** Where each element lies in the flat array. */
  elements: Value
  /** Which of the asked rows each element belongs to. */
  rows: Value
  /** Where each asked row begins in the flat array. */
  starts: Value
}

/**
 * Finds the elements of rows of unequal length without a loop: row r is elements `offsets[r]` to
 * `offsets[r + 1]`. Padding every row to the longest would multiply both the file and the work.
 *
 * Two cumulative sums do it. The first puts the ends of the rows on one line; a mark at each end,
 * summed again, counts for each element how many rows ended before it: the row it belongs to.
 */
export function gatherRows(graph: GraphBuilder, offsets: Value, asked: Value): RowElements {
  const starts = graph.op('Gather', [offsets, asked])
  const stops = graph.op('Gather', [offsets, graph.op('Add', [asked, graph.int32(1)])])
  const lengths = graph.op('Sub', [stops, starts])
  const ends = graph.op('CumSum', [lengths, graph.int32(0)])
  // ReduceMax of the ends would fail on no rows at all; a sum of nothing is 0.
  const total = graph.op('ReduceSum', [lengths, graph.int64(0)], { keepdims: 1 })
  const rows = rowOfEach(graph, ends, total)
  const shifts = graph.op('Sub', [stops, ends])
  return {
    elements: graph.op('Add', [upTo(graph, total), graph.op('Gather', [shifts, rows])]),
    rows,
    starts,
  }
}

function rowOfEach(graph: GraphBuilder, ends: Value, total: Value): Value {
  const slots = graph.op('Add', [total, graph.int32(1)])
  const none = graph.filled(toInt64(graph, slots), Int32Array.of(0))
  const one = graph.filled(graph.op('Shape', [ends]), Int32Array.of(1))
  const marks = graph.addAt(none, ends, one)
  const rows = graph.op('CumSum', [marks, graph.int32(0)])
  return graph.op('Slice', [rows, graph.int32(0), total])
}

function upTo(graph: GraphBuilder, total: Value): Value {
  const scalar = graph.op('Squeeze', [total])
  const zero = graph.op('Squeeze', [graph.int32(0)])
  return graph.op('Range', [zero, scalar, graph.op('Squeeze', [graph.int32(1)])])
}

function toInt64(graph: GraphBuilder, value: Value): Value {
  return graph.op('Cast', [value], { to: onnxDataTypes.int64 })
}
