import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  type OnnxDataType,
  onnxDataTypes,
  type Tensor,
  type TensorData,
} from '#shared/onnx-model.ts'

export type Attribute = number | string | Tensor

export interface Node {
  opType: string
  inputs: string[]
  outputs: string[]
  attributes: Record<string, Attribute>
}

export interface ValueInfo {
  name: string
  dataType: OnnxDataType
  dims: number[]
}

export interface Model {
  name: string
  opset: number
  nodes: Node[]
  initializers: Map<string, Tensor>
  inputs: ValueInfo[]
  outputs: ValueInfo[]
  metadata: Map<string, string>
}

// IR version 8 is the one that came with opset 15 to 18.
const irVersion = 8
// AttributeProto.AttributeType
const attributeTypes = { int: 2, string: 3, tensor: 4 } as const

/** Makes a one-dimensional constant; its element type follows from the kind of array. */
export function vector(data: TensorData): Tensor {
  return { dims: [data.length], dataType: dataTypeOf(data), data }
}

/**
 * Writes an ONNX file: the subset of ModelProto a graph of standard operators needs. Field numbers
 * are those of onnx/onnx.proto (github.com/onnx/onnx); constants are `raw_data`, little-endian.
 */
export function writeModel(model: Model): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).int64(irVersion)
  text(writer, 2, 'shelfedge')
  message(writer, 7, (graph) => writeGraph(graph, model))
  message(writer, 8, (opset) => opset.tag(2, WireType.Varint).int64(model.opset))
  for (const [key, value] of model.metadata) {
    message(writer, 14, (entry) => text(text(entry, 1, key), 2, value))
  }
  return writer.finish()
}

function writeGraph(writer: BinaryWriter, model: Model): void {
  for (const node of model.nodes) message(writer, 1, (bytes) => writeNode(bytes, node))
  text(writer, 2, model.name)
  for (const [name, tensor] of model.initializers) {
    message(writer, 5, (bytes) => writeTensor(bytes, tensor, name))
  }
  for (const input of model.inputs) message(writer, 11, (bytes) => writeValueInfo(bytes, input))
  for (const output of model.outputs) message(writer, 12, (bytes) => writeValueInfo(bytes, output))
}

function writeNode(writer: BinaryWriter, node: Node): void {
  for (const input of node.inputs) text(writer, 1, input)
  for (const output of node.outputs) text(writer, 2, output)
  text(writer, 3, node.outputs[0] ?? '')
  text(writer, 4, node.opType)
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, (bytes) => writeAttribute(bytes, name, value))
  }
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name)
  if (typeof value === 'number') {
    writer.tag(3, WireType.Varint).int64(value)
    writer.tag(20, WireType.Varint).int32(attributeTypes.int)
  } else if (typeof value === 'string') {
    text(writer, 4, value)
    writer.tag(20, WireType.Varint).int32(attributeTypes.string)
  } else {
    message(writer, 5, (bytes) => writeTensor(bytes, value))
    writer.tag(20, WireType.Varint).int32(attributeTypes.tensor)
  }
}

function writeTensor(writer: BinaryWriter, { dims, dataType, data }: Tensor, name = ''): void {
  for (const dim of dims) writer.tag(1, WireType.Varint).int64(dim)
  writer.tag(2, WireType.Varint).int32(dataType)
  if (name !== '') text(writer, 8, name)
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  writer.tag(9, WireType.LengthDelimited).bytes(raw)
}

function writeValueInfo(writer: BinaryWriter, { name, dataType, dims }: ValueInfo): void {
  text(writer, 1, name)
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(dataType)
      message(tensor, 2, (shape) => {
        for (const dim of dims) {
          message(shape, 1, (bytes) => bytes.tag(1, WireType.Varint).int64(dim))
        }
      })
    }),
  )
}

function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void) {
  writer.tag(field, WireType.LengthDelimited).fork()
  write(writer)
  writer.join()
}

function text(writer: BinaryWriter, field: number, value: string): BinaryWriter {
  return writer.tag(field, WireType.LengthDelimited).string(value)
}

function dataTypeOf(data: TensorData): OnnxDataType {
  if (data instanceof Float32Array) return onnxDataTypes.float
  if (data instanceof Int32Array) return onnxDataTypes.int32
  if (data instanceof BigInt64Array) return onnxDataTypes.int64
  return data instanceof Uint16Array ? onnxDataTypes.uint16 : onnxDataTypes.uint8
}
