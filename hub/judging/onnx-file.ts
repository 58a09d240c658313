import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { examinationBounds } from './bounds.ts'

/** A constant as the file states it; whether the statement is true is checked elsewhere. */
export interface StatedTensor {
  readonly name: string
  readonly dims: readonly number[]
  readonly dataType: number
  /** Where the elements lie: `raw` bytes, or lists of numbers by the field that holds them. */
  readonly raw: Uint8Array | null
  readonly numbers: readonly number[]
  readonly numbersTotal: number
  readonly isExternal: boolean
}

export interface StatedNode {
  readonly opType: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly tensors: readonly StatedTensor[]
  /** Attributes that hold whole numbers, such as `value_ints` of a `Constant`. */
  readonly integers: ReadonlyMap<string, readonly number[]>
  readonly hasSubgraph: boolean
  readonly hasSparse: boolean
}

/** An input or output; a dimension without a fixed size is null. */
export interface StatedValue {
  readonly name: string
  readonly dataType: number
  readonly dims: readonly (number | null)[]
}

/** What an ONNX file says of itself, as far as it can be believed or refused without running it. */
export interface OnnxFile {
  /** Version of the standard domain; null where none is stated. */
  readonly opset: number | null
  readonly hasFunctions: boolean
  readonly hasTraining: boolean
  readonly hasSparse: boolean
  readonly nodes: readonly StatedNode[]
  readonly initializers: readonly StatedTensor[]
  readonly inputs: readonly StatedValue[]
  readonly outputs: readonly StatedValue[]
}

/** Bytes that are no ONNX file, or one too large to be looked through. */
export class OnnxUnreadable extends Error {
  override readonly name = 'OnnxUnreadable'
}

type Field = (reader: BinaryReader, wireType: WireType) => void
type Fields = Readonly<Record<number, Field>>

/**
 * Reads a whole ONNX file without running or inflating anything. Field numbers are those of
 * onnx/onnx.proto (github.com/onnx/onnx). Throws OnnxUnreadable.
 */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  try {
    return readModel(bytes)
  } catch (cause) {
    if (cause instanceof OnnxUnreadable) throw cause
    throw new OnnxUnreadable(`it is not well-formed protobuf (${(cause as Error).message})`)
  }
}

function readModel(bytes: Uint8Array): OnnxFile {
  let graph: Uint8Array | null = null
  let opset: number | null = null
  let hasFunctions = false
  let hasTraining = false
  eachField(bytes, {
    7: message((found) => {
      if (graph) throw new OnnxUnreadable('it holds two graphs')
      graph = found
    }),
    8: message((found) => {
      const { domain, version } = readOpset(found)
      if (domain === '' || domain === 'ai.onnx') opset = version
    }),
    20: message(() => {
      hasTraining = true
    }),
    25: message(() => {
      hasFunctions = true
    }),
  })
  if (!graph) throw new OnnxUnreadable('it holds no graph')
  return { opset, hasFunctions, hasTraining, ...readGraph(graph) }
}

function readOpset(bytes: Uint8Array) {
  let domain = ''
  let version = 0
  eachField(bytes, {
    1: text((found) => {
      domain = found
    }),
    2: integers((found) => {
      version = found
    }),
  })
  return { domain, version }
}

function readGraph(bytes: Uint8Array) {
  const nodes: StatedNode[] = []
  const initializers: StatedTensor[] = []
  const inputs: StatedValue[] = []
  const outputs: StatedValue[] = []
  let hasSparse = false
  eachField(bytes, {
    1: message((found) => bounded(nodes, readNode(found), examinationBounds.nodesMax, 'nodes')),
    5: message((found) =>
      bounded(initializers, readTensor(found), examinationBounds.tensorsMax, 'constants'),
    ),
    11: message((found) =>
      bounded(inputs, readValue(found), examinationBounds.tensorsMax, 'inputs'),
    ),
    12: message((found) =>
      bounded(outputs, readValue(found), examinationBounds.tensorsMax, 'outputs'),
    ),
    15: message(() => {
      hasSparse = true
    }),
  })
  return { nodes, initializers, inputs, outputs, hasSparse }
}

function readNode(bytes: Uint8Array): StatedNode {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes: Uint8Array[] = []
  let opType = ''
  let domain = ''
  eachField(bytes, {
    1: text((found) => bounded(inputs, found, examinationBounds.nodesMax, 'inputs of a node')),
    2: text((found) => bounded(outputs, found, examinationBounds.nodesMax, 'outputs of a node')),
    4: text((found) => {
      opType = found
    }),
    5: message((found) => bounded(attributes, found, 1_000, 'attributes of a node')),
    7: text((found) => {
      domain = found
    }),
  })
  return { opType, domain, inputs, outputs, ...readAttributes(attributes) }
}

function readAttributes(attributes: readonly Uint8Array[]) {
  const tensors: StatedTensor[] = []
  const integersByName = new Map<string, readonly number[]>()
  let hasSubgraph = false
  let hasSparse = false
  for (const attribute of attributes) {
    const found: number[] = []
    let name = ''
    const tensor = message((bytes) => bounded(tensors, readTensor(bytes), 1_000, 'constants'))
    const subgraph: Field = message(() => {
      hasSubgraph = true
    })
    const sparse: Field = message(() => {
      hasSparse = true
    })
    const integer = integers((value) => bounded(found, value, 100_000, 'numbers'))
    eachField(attribute, {
      1: text((value) => {
        name = value
      }),
      ...{ 3: integer, 8: integer, 5: tensor, 10: tensor },
      ...{ 6: subgraph, 11: subgraph, 22: sparse, 23: sparse },
    })
    integersByName.set(name, found)
  }
  return { tensors, integers: integersByName, hasSubgraph, hasSparse }
}

/** Numbers kept of a list: enough for any shape and all that is looked at; more are only counted. */
const numbersKept = 1_000_000

function readTensor(bytes: Uint8Array): StatedTensor {
  const dims: number[] = []
  const numbers: number[] = []
  let numbersTotal = 0
  let name = ''
  let dataType = 0
  let raw: Uint8Array | null = null
  let isExternal = false
  const keep = (value: number) => {
    numbersTotal++
    if (numbers.length < numbersKept || !Number.isFinite(value)) numbers.push(value)
  }
  const external: Field = message(() => {
    isExternal = true
  })
  eachField(bytes, {
    1: integers((value) => bounded(dims, value, 100, 'dimensions')),
    2: integers((value) => {
      dataType = value
    }),
    4: packed(WireType.Bit32, (reader) => keep(reader.float())),
    5: integers(keep),
    7: integers(keep),
    8: text((value) => {
      name = value
    }),
    9: message((found) => {
      raw = found
    }),
    10: packed(WireType.Bit64, (reader) => keep(reader.double())),
    11: integers(keep),
    13: external,
    14: integers((value) => {
      if (value === 1) isExternal = true
    }),
  })
  return { name, dims, dataType, raw, numbers, numbersTotal, isExternal }
}

function readValue(bytes: Uint8Array): StatedValue {
  let name = ''
  let dataType = 0
  const dims: (number | null)[] = []
  const dimension = message((found) => {
    let size: number | null = null
    eachField(found, {
      1: integers((value) => {
        size = value
      }),
    })
    bounded(dims, size, 100, 'dimensions')
  })
  const shape = message((found) => eachField(found, { 1: dimension }))
  const tensor = message((found) =>
    eachField(found, {
      1: integers((value) => {
        dataType = value
      }),
      2: shape,
    }),
  )
  eachField(bytes, {
    1: text((value) => {
      name = value
    }),
    2: message((found) => eachField(found, { 1: tensor })),
  })
  return { name, dataType, dims }
}

function eachField(bytes: Uint8Array, fields: Fields): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const read = fields[field]
    if (read) read(reader, wireType)
    else reader.skip(wireType, field)
  }
}

function message(take: (bytes: Uint8Array) => void): Field {
  return (reader, wireType) => {
    if (wireType !== WireType.LengthDelimited) throw new OnnxUnreadable('a field has another type')
    take(reader.bytes())
  }
}

function text(take: (text: string) => void): Field {
  return message((bytes) => take(new TextDecoder().decode(bytes)))
}

/** Whole numbers one by one or packed: proto2 writes the one, proto3 the other. */
function integers(take: (value: number) => void): Field {
  return packed(WireType.Varint, (reader) => take(Number(reader.int64())))
}

function packed(single: WireType, read: (reader: BinaryReader) => void): Field {
  return (reader, wireType) => {
    if (wireType === single) return read(reader)
    if (wireType !== WireType.LengthDelimited) throw new OnnxUnreadable('a field has another type')
    const list = new BinaryReader(reader.bytes())
    while (list.pos < list.len) read(list)
  }
}

function bounded<Item>(list: Item[], item: Item, max: number, what: string): void {
  if (list.length >= max) throw new OnnxUnreadable(`it holds more than ${max} ${what}`)
  list.push(item)
}
