import { onnxDataTypes, type TensorData } from '#shared/onnx-model.ts'
import { type Attribute, type Model, vector } from './write-model.ts'

/** The name of a value in the graph. */
export type Value = string

/** Writes a graph down as nested calls: `graph.op('Add', [a, b])` returns the name of the sum. */
export interface GraphBuilder {
  op(opType: string, inputs: Value[], attributes?: Record<string, Attribute>): Value
  /** For an operator with more than one output. */
  ops(
    opType: string,
    inputs: Value[],
    outputs: Value[],
    attributes?: Record<string, Attribute>,
  ): void
  constant(name: string, data: TensorData): Value
  /** A vector of one number; the same number is stored once. */
  int32(value: number): Value
  int64(value: number): Value
  float(value: number): Value
  /** The one number of `value`, as often as the int64 vector of one number `length` says. */
  filled(length: Value, value: TensorData): Value
  /** `target` with `updates` added at `indices`, one after the other in their order. */
  addAt(target: Value, indices: Value, updates: Value): Value
  toInt32(value: Value): Value
}

/** Starts an empty model of a name and opset; the builder adds nodes and constants to it. */
export function newModel(name: string, opset: number): { model: Model; graph: GraphBuilder } {
  const model: Model = {
    name,
    opset,
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
    metadata: new Map(),
  }
  return { model, graph: graphBuilder(model) }
}

function graphBuilder(model: Model): GraphBuilder {
  const ops: GraphBuilder['ops'] = (opType, inputs, outputs, attributes = {}) => {
    model.nodes.push({ opType, inputs, outputs, attributes })
  }
  const op: GraphBuilder['op'] = (opType, inputs, attributes) => {
    const output = `${opType}_${model.nodes.length}`
    ops(opType, inputs, [output], attributes)
    return output
  }
  const constant: GraphBuilder['constant'] = (name, data) => {
    model.initializers.set(name, vector(data))
    return name
  }
  return {
    op,
    ops,
    constant,
    int32: (value) => constant(`int32_${value}`, Int32Array.of(value)),
    int64: (value) => constant(`int64_${value}`, BigInt64Array.of(BigInt(value))),
    float: (value) => constant(`float_${value}`, Float32Array.of(value)),
    filled: (length, value) => op('ConstantOfShape', [length], { value: vector(value) }),
    addAt: (target, indices, updates) =>
      op('ScatterElements', [target, indices, updates], { axis: 0, reduction: 'add' }),
    toInt32: (value) => op('Cast', [value], { to: onnxDataTypes.int32 }),
  }
}
