import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** The element types we write and read; numbers are `TensorProto.DataType` of onnx.proto. */
export const onnxDataTypes = { float: 1, uint8: 2, uint16: 4, int32: 6, int64: 7 } as const
export type OnnxDataType = (typeof onnxDataTypes)[keyof typeof onnxDataTypes]

export type TensorData = Float32Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array

/** A constant of the graph; `data` holds product(`dims`) elements, row after row. */
export interface Tensor {
  dims: number[]
  dataType: OnnxDataType
  data: TensorData
}

// Field numbers: onnx/onnx.proto of github.com/onnx/onnx, the same in every IR version since 3.
export const modelFields = { graph: 7, metadataProps: 14 } as const
export const graphFields = { initializer: 5 } as const
export const tensorFields = {
  ...{ dims: 1, dataType: 2, name: 8, rawData: 9 },
  ...{ externalData: 13, dataLocation: 14 },
} as const
/** Of an entry of texts by key. */
export const entryFields = { key: 1, value: 2 } as const

/**
 * The constants of an ONNX model by name, e.g. `readInitializers(bytes).get('sessionItems')?.data`.
 * Only `raw_data` is read, the one form we write. Throws when the bytes are not such a model.
 */
export function readInitializers(modelBytes: Uint8Array): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  eachMessage(modelBytes, modelFields.graph, (graph) => {
    eachMessage(graph, graphFields.initializer, (bytes) => {
      const [name, tensor] = readTensor(bytes)
      tensors.set(name, tensor)
    })
  })
  return tensors
}

/** The `metadata_props` of an ONNX model: free text by key. */
export function readMetadata(modelBytes: Uint8Array): Map<string, string> {
  const properties = new Map<string, string>()
  eachMessage(modelBytes, modelFields.metadataProps, (entry) => {
    const texts = new Map<number, string>()
    for (const field of [entryFields.key, entryFields.value]) {
      eachMessage(entry, field, (text) => texts.set(field, new TextDecoder().decode(text)))
    }
    properties.set(texts.get(entryFields.key) ?? '', texts.get(entryFields.value) ?? '')
  })
  return properties
}

/** Calls `visit` with each length-delimited field `fieldNumber`; everything else is skipped unread. */
function eachMessage(
  bytes: Uint8Array,
  fieldNumber: number,
  visit: (message: Uint8Array) => void,
): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === fieldNumber && wireType === WireType.LengthDelimited) visit(reader.bytes())
    else reader.skip(wireType, field)
  }
}

function readTensor(bytes: Uint8Array): [name: string, tensor: Tensor] {
  const reader = new BinaryReader(bytes)
  const dims: number[] = []
  let name = ''
  let dataType = 0
  let rawData = new Uint8Array()
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === tensorFields.dims) readDims(reader, wireType, dims)
    else if (field === tensorFields.dataType) dataType = reader.int32()
    else if (field === tensorFields.name) name = reader.string()
    else if (field === tensorFields.rawData) rawData = new Uint8Array(reader.bytes())
    else reader.skip(wireType, field)
  }
  const data = typedData(name, dataType, rawData)
  if (data.length !== dims.reduce((product, dim) => product * dim, 1)) {
    throw new Error(`ONNX initializer ${name}: ${data.length} elements do not fill [${dims}]`)
  }
  return [name, { dims, dataType: dataType as OnnxDataType, data }]
}

// proto2 writes repeated numbers one by one, proto3 packs them; both are valid input.
function readDims(reader: BinaryReader, wireType: WireType, dims: number[]): void {
  if (wireType !== WireType.LengthDelimited) {
    dims.push(Number(reader.int64()))
    return
  }
  const packed = new BinaryReader(reader.bytes())
  while (packed.pos < packed.len) dims.push(Number(packed.int64()))
}

// `raw` is a fresh copy: inside the file the bytes need not lie at a multiple of the element size.
function typedData(name: string, dataType: number, raw: Uint8Array): TensorData {
  const buffer = raw.buffer as ArrayBuffer
  switch (dataType) {
    case onnxDataTypes.float:
      return new Float32Array(buffer)
    case onnxDataTypes.uint8:
      return new Uint8Array(buffer)
    case onnxDataTypes.uint16:
      return new Uint16Array(buffer)
    case onnxDataTypes.int32:
      return new Int32Array(buffer)
    case onnxDataTypes.int64:
      return new BigInt64Array(buffer)
    default:
      throw new Error(`ONNX initializer ${name}: element type ${dataType} is not supported`)
  }
}
