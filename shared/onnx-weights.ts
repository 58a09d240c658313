import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { entryFields, graphFields, modelFields, tensorFields } from './onnx-model.ts'

/** Smaller constants stay in the graph: a runtime works out shapes from them. */
const outsideBytesMin = 1_024
/** `TensorProto.DataLocation.EXTERNAL` */
const external = 1

/**
 * An ONNX model without its weights: each constant of the graph that has 1 kB or more says where its bytes lie in `model`,
 * as external data at `location` (onnx.proto, `TensorProto.external_data`). The rest is as it was. Throws where the bytes
 * are no protobuf.
 */
export function weightsOutside(model: Uint8Array, location: string): Uint8Array {
  const ofTensor = (tensor: Uint8Array) =>
    withField(tensor, tensorFields.rawData, (raw) =>
      raw.length < outsideBytesMin
        ? null
        : placeOf(location, raw.byteOffset - model.byteOffset, raw.length),
    )
  const ofGraph = (graph: Uint8Array) =>
    withField(graph, graphFields.initializer, (tensor) =>
      message(graphFields.initializer, ofTensor(tensor)),
    )
  return withField(model, modelFields.graph, (graph) => message(modelFields.graph, ofGraph(graph)))
}

/** A message with other bytes in place of each length-delimited field `fieldNumber`, as it was where they are null. */
function withField(
  bytes: Uint8Array,
  fieldNumber: number,
  inPlaceOf: (field: Uint8Array) => Uint8Array | null,
): Uint8Array {
  const reader = new BinaryReader(bytes)
  const writer = new BinaryWriter()
  while (reader.pos < reader.len) {
    const startsAt = reader.pos
    const [field, wireType] = reader.tag()
    const isWanted = field === fieldNumber && wireType === WireType.LengthDelimited
    const replaced = isWanted ? inPlaceOf(reader.bytes()) : null
    if (!isWanted) reader.skip(wireType, field)
    writer.raw(replaced ?? bytes.subarray(startsAt, reader.pos))
  }
  return writer.finish()
}

function placeOf(location: string, offset: number, length: number): Uint8Array {
  const writer = new BinaryWriter()
  for (const [key, value] of Object.entries({ location, offset, length })) {
    const entry = new BinaryWriter()
    entry.tag(entryFields.key, WireType.LengthDelimited).string(key)
    entry.tag(entryFields.value, WireType.LengthDelimited).string(String(value))
    writer.raw(message(tensorFields.externalData, entry.finish()))
  }
  return writer.tag(tensorFields.dataLocation, WireType.Varint).int32(external).finish()
}

function message(fieldNumber: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(fieldNumber, WireType.LengthDelimited).bytes(bytes).finish()
}
