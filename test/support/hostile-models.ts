import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { ModelRefusalCode } from '#hub/judging/refusal.ts'
import { type GraphBuilder, newModel, type Value } from '#models/onnx/graph-builder.ts'
import { type Model, writeModel } from '#models/onnx/write-model.ts'
import { onnxDataTypes } from '#shared/onnx-model.ts'

/** What the models below promise; the good one keeps it. */
export const promised = { itemsTotal: 6, itemsMax: 5, candidates: 4 } as const

export interface HostileModel {
  readonly what: string
  readonly code: ModelRefusalCode
  readonly bytes: () => Uint8Array
}

/** A model that recommends the same four of six items to everybody. */
export function goodModel(): Uint8Array {
  return writeModel(modelOf(scoresOfAll))
}

type Scores = (graph: GraphBuilder) => Value

/** Scores of the six items, the same for every session. */
function scoresOfAll(graph: GraphBuilder): Value {
  const weights = graph.constant('weights', Float32Array.of(6, 5, 4, 3, 2, 1))
  return graph.op('Add', [weights, graph.op('Mul', [anyItem(graph), graph.float(0)])])
}

/** A vector of one float that depends on the input. */
function anyItem(graph: GraphBuilder): Value {
  const floats = graph.op('Cast', ['session'], { to: onnxDataTypes.float })
  return graph.op('ReduceSum', [floats, graph.int64(0)], { keepdims: 1 })
}

/** How many items the session holds, as a vector of one whole number. */
function itemsSeen(graph: GraphBuilder): Value {
  const isSeen = graph.op('Cast', [graph.op('GreaterOrEqual', ['session', graph.int32(0)])], {
    to: onnxDataTypes.int64,
  })
  return graph.op('ReduceSum', [isSeen, graph.int64(0)], { keepdims: 1 })
}

interface Changes {
  readonly opset?: number
  readonly input?: string
  readonly candidates?: number
  readonly stated?: number
  /** How many come out, where the input decides it. */
  readonly countOf?: Scores
}

function modelOf(scores: Scores, changes: Changes = {}): Model {
  const { opset = 16, input = 'session', candidates = promised.candidates } = changes
  const { model, graph } = newModel('hostile', opset)
  const count = changes.countOf?.(graph) ?? graph.int64(candidates)
  const stated = changes.stated ?? promised.candidates
  model.inputs.push({ name: input, dataType: onnxDataTypes.int32, dims: [promised.itemsMax] })
  graph.ops('TopK', [scores(graph), count], ['scores', 'places'], { axis: 0 })
  graph.ops('Cast', ['places'], ['items'], { to: onnxDataTypes.int32 })
  model.outputs.push({ name: 'items', dataType: onnxDataTypes.int32, dims: [stated] })
  model.outputs.push({ name: 'scores', dataType: onnxDataTypes.float, dims: [stated] })
  return model
}

const plusSix = (graph: GraphBuilder, extra: Value) => graph.op('Add', [scoresOfAll(graph), extra])
const fixed = (scores: Scores, changes?: Changes) => () => writeModel(modelOf(scores, changes))

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n'

/** Files that somebody may push by mistake or on purpose, and what each has to be refused for. */
export const hostileModels: readonly HostileModel[] = [
  { what: 'an empty file', code: 'model_unreadable', bytes: () => new Uint8Array() },
  { what: 'text', code: 'model_unreadable', bytes: () => textBytes('{"model": "mine"}') },
  { what: 'noise', code: 'model_unreadable', bytes: noise },
  ...[0.1, 0.5, 0.9].map((share) => ({
    what: `a file cut off after ${share * 100} %`,
    code: 'model_unreadable' as const,
    bytes: () => goodModel().slice(0, Math.floor(goodModel().length * share)),
  })),
  { what: 'groups in groups', code: 'model_unreadable', bytes: nestedGroups },
  { what: 'two graphs', code: 'model_unreadable', bytes: () => joined([goodModel(), goodModel()]) },
  { what: 'a graph of 50,000 nodes', code: 'model_unreadable', bytes: manyNodes },
  { what: 'a Git LFS pointer', code: 'model_is_lfs_pointer', bytes: () => textBytes(pointer) },
  { what: '200 MB', code: 'model_too_large', bytes: () => new Uint8Array(200_000_000) },
  {
    what: 'an opset that no POP has',
    code: 'opset_not_supported',
    bytes: fixed(scoresOfAll, { opset: 23 }),
  },
  {
    what: 'a constant in a file outside',
    code: 'model_external_data',
    bytes: () => inGraph(goodModel(), 5, externalTensor('../../../../etc/passwd')),
  },
  {
    what: 'an endless Loop',
    code: 'operator_not_allowed',
    bytes: () => inGraph(goodModel(), 1, endlessLoop()),
  },
  { what: 'an If', code: 'operator_not_allowed', bytes: () => inGraph(goodModel(), 1, node('If')) },
  {
    what: 'a subgraph in an operator that takes none',
    code: 'operator_not_allowed',
    bytes: () => inGraph(goodModel(), 1, endlessLoop('Add')),
  },
  {
    what: 'an operator of another domain',
    code: 'operator_not_allowed',
    bytes: () => inGraph(goodModel(), 1, node('Add', 'com.evil')),
  },
  {
    what: 'a function of its own',
    code: 'operator_not_allowed',
    bytes: () => joined([goodModel(), field(25, field(1, textBytes('Evil')))]),
  },
  {
    what: 'random numbers',
    code: 'operator_not_allowed',
    bytes: () => inGraph(goodModel(), 1, node('RandomUniform')),
  },
  {
    what: 'another input',
    code: 'model_inputs_differ',
    bytes: fixed((graph) => graph.constant('w', Float32Array.of(4, 3, 2, 1)), { input: 'clicks' }),
  },
  {
    what: 'outputs of another size, said so',
    code: 'model_outputs_differ',
    bytes: fixed(scoresOfAll, { candidates: 3, stated: 3 }),
  },
  {
    what: 'outputs of another size than stated',
    code: 'output_shape_differs',
    bytes: () => writeModel(modelOf(scoresOfAll, { countOf: itemsSeen })),
  },
  {
    what: 'weights that are not numbers',
    code: 'weights_not_finite',
    bytes: fixed((graph) => graph.constant('w', Float32Array.of(1, Number.NaN, 3, 4, 5, 6))),
  },
  {
    what: 'infinite weights',
    code: 'weights_not_finite',
    bytes: fixed((graph) =>
      graph.constant('w', Float32Array.of(1, Number.POSITIVE_INFINITY, 3, 4, 5, 6)),
    ),
  },
  {
    what: 'NaN as a list of numbers',
    code: 'weights_not_finite',
    bytes: () => inGraph(goodModel(), 5, listedTensor([1, Number.NaN])),
  },
  {
    what: 'a constant that states a thousand million elements',
    code: 'tensor_too_large',
    bytes: () => inGraph(goodModel(), 5, statedTensor([1_000_000_000])),
  },
  {
    what: 'a constant that states more than it holds',
    code: 'tensor_dishonest',
    bytes: () => inGraph(goodModel(), 5, statedTensor([1_000])),
  },
  {
    what: 'dimensions whose product overflows',
    code: 'tensor_dishonest',
    bytes: () => inGraph(goodModel(), 5, statedTensor([2 ** 40, 2 ** 40])),
  },
  {
    what: 'a negative dimension',
    code: 'tensor_dishonest',
    bytes: () => inGraph(goodModel(), 5, statedTensor([-4])),
  },
  {
    what: 'an Expand to 40 GB',
    code: 'tensor_too_large',
    bytes: fixed((graph) =>
      plusSix(graph, summed(graph, graph.op('Expand', [graph.float(1), shapeOf(graph)]))),
    ),
  },
  {
    what: 'a ConstantOfShape of 40 GB',
    code: 'tensor_too_large',
    bytes: fixed((graph) =>
      plusSix(graph, summed(graph, graph.op('ConstantOfShape', [shapeOf(graph)]))),
    ),
  },
  {
    what: 'memory without end, by a size it computes',
    code: 'model_needs_too_much_memory',
    bytes: fixed((graph) => {
      const size = graph.op('Mul', [graph.op('Shape', ['session']), graph.int64(100_000_000)])
      const much = graph.op('ConstantOfShape', [size])
      return plusSix(graph, graph.op('ReduceSum', [much, graph.int64(0)], { keepdims: 1 }))
    }),
  },
  {
    what: 'scores that are not numbers',
    code: 'output_not_finite',
    bytes: fixed((graph) => {
      const zero = graph.op('Mul', [anyItem(graph), graph.float(0)])
      return plusSix(graph, graph.op('Div', [zero, zero]))
    }),
  },
  { what: 'items that do not exist', code: 'output_out_of_range', bytes: unknownItems },
  {
    what: 'nodes in a ring',
    code: 'model_unloadable',
    bytes: () => inGraph(goodModel(), 1, ring()),
  },
  {
    what: 'a lookup behind the end of a table',
    code: 'model_does_not_run',
    bytes: fixed((graph) => {
      const far = graph.op('Add', ['session', graph.int32(1_000)])
      return plusSix(
        graph,
        summed(graph, graph.op('Gather', [graph.constant('t', Float32Array.of(1)), far])),
      )
    }),
  },
  { what: 'work for minutes', code: 'examination_timed_out', bytes: fixed(muchWork(3_000)) },
  { what: 'work for too long an answer', code: 'model_too_slow', bytes: fixed(muchWork(8)) },
]

/** Multiplications of matrices of 384 × 384, about 10 ms each. */
function muchWork(times: number): Scores {
  return (graph) => {
    const small = graph.op('Mul', [anyItem(graph), graph.float(1e-6)])
    const shape = graph.constant('square', BigInt64Array.of(384n, 384n))
    let product = graph.op('Expand', [small, shape])
    const other = product
    for (let at = 0; at < times; at++) product = graph.op('MatMul', [product, other])
    return plusSix(graph, graph.op('Mul', [summed(graph, product), graph.float(0)]))
  }
}

function unknownItems(): Uint8Array {
  const model = modelOf(scoresOfAll)
  const cast = model.nodes.at(-1)
  if (cast) cast.outputs = ['item_numbers']
  model.initializers.set('far', {
    dims: [1],
    dataType: onnxDataTypes.int32,
    data: Int32Array.of(3),
  })
  model.nodes.push({
    opType: 'Add',
    inputs: ['item_numbers', 'far'],
    outputs: ['items'],
    attributes: {},
  })
  return writeModel(model)
}

function manyNodes(): Uint8Array {
  return fixed((graph) => {
    let value = scoresOfAll(graph)
    for (let at = 0; at < 50_000; at++) value = graph.op('Identity', [value])
    return value
  })()
}

/** 100,000 by 100,000. */
function shapeOf(graph: GraphBuilder): Value {
  return graph.constant('shape', BigInt64Array.of(100_000n, 100_000n))
}

function summed(graph: GraphBuilder, value: Value): Value {
  const flat = graph.op('Reshape', [value, graph.int64(-1)])
  return graph.op('ReduceSum', [flat, graph.int64(0)], { keepdims: 1 })
}

// From here on bytes by hand: field numbers are those of onnx/onnx.proto (github.com/onnx/onnx).

function noise(): Uint8Array {
  return Uint8Array.from({ length: 5_000 }, (_, at) => (at * at * 31 + 7) % 251)
}

function nestedGroups(): Uint8Array {
  const startGroup = (50 << 3) | WireType.StartGroup
  const bytes = new BinaryWriter()
  for (let at = 0; at < 1_000_000; at++) bytes.uint32(startGroup)
  return bytes.finish()
}

function endlessLoop(opType = 'Loop'): Uint8Array {
  const body = joined([field(1, node('Identity')), field(2, textBytes('body'))])
  const attribute = joined([field(1, textBytes('body')), field(6, body), number(20, 5)])
  return joined([node(opType), field(5, attribute)])
}

function ring(): Uint8Array {
  const text = (fieldNumber: number, name: string) => field(fieldNumber, textBytes(name))
  return joined([text(1, 'round'), text(2, 'round'), text(4, 'Identity')])
}

function node(opType: string, domain = ''): Uint8Array {
  const own = [field(2, textBytes(`of ${opType}`)), field(4, textBytes(opType))]
  return joined([...own, ...(domain ? [field(7, textBytes(domain))] : [])])
}

function externalTensor(location: string): Uint8Array {
  const entry = joined([field(1, textBytes('location')), field(2, textBytes(location))])
  return joined([statedTensor([1]), field(13, entry), number(14, 1)])
}

function statedTensor(dims: readonly number[]): Uint8Array {
  const sizes = dims.map((size) => number(1, size))
  return joined([
    ...sizes,
    number(2, 1),
    field(8, textBytes('stated')),
    field(9, new Uint8Array(4)),
  ])
}

function listedTensor(values: readonly number[]): Uint8Array {
  const list = new Uint8Array(Float32Array.from(values).buffer)
  return joined([
    number(1, values.length),
    number(2, 1),
    field(8, textBytes('listed')),
    field(4, list),
  ])
}

/** The model with one more field in its graph. */
function inGraph(model: Uint8Array, fieldNumber: number, bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(model)
  const parts: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [found, wireType] = reader.tag()
    if (found === 7) parts.push(field(7, joined([reader.bytes(), field(fieldNumber, bytes)])))
    else {
      reader.skip(wireType, found)
      parts.push(model.subarray(start, reader.pos))
    }
  }
  return joined(parts)
}

function field(fieldNumber: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(fieldNumber, WireType.LengthDelimited).bytes(bytes).finish()
}

function number(fieldNumber: number, value: number): Uint8Array {
  return new BinaryWriter().tag(fieldNumber, WireType.Varint).int64(value).finish()
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
