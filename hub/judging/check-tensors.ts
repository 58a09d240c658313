import { examinationBounds } from './bounds.ts'
import type { OnnxFile, StatedNode, StatedTensor } from './onnx-file.ts'
import { elementTypes } from './operators.ts'
import { type ModelRefusal, refuse } from './refusal.ts'

/** Refuses constants that lie outside the file, are not what they state, are too large, or are not numbers. */
export function checkTensors(file: OnnxFile): ModelRefusal | null {
  if (file.hasSparse) {
    return refuse('tensor_dishonest', 'The model holds a sparse constant; store it densely.')
  }
  const ofNodes = file.nodes.flatMap(({ tensors }) => tensors)
  for (const tensor of [...file.initializers, ...ofNodes]) {
    const refusal = checkTensor(tensor)
    if (refusal) return refusal
  }
  return checkMade(file)
}

function checkTensor(tensor: StatedTensor): ModelRefusal | null {
  const name = nameOf(tensor)
  if (tensor.isExternal) {
    return refuse(
      'model_external_data',
      `The constant ${name} lies in another file; a model has to hold all of its constants.`,
    )
  }
  const elements = elementsOf(tensor.dims)
  if (elements === null) {
    return refuse('tensor_dishonest', `The constant ${name} has dimensions that are no sizes.`)
  }
  if (elements > examinationBounds.constantElementsMax * 4) return tooLarge(name, elements)
  const held = heldElements(tensor)
  if (held !== elements) {
    return refuse(
      'tensor_dishonest',
      held === null
        ? `The constant ${name} is of element type ${tensor.dataType}, which is not supported.`
        : `The constant ${name} states ${elements} elements and holds ${held}.`,
    )
  }
  return checkFinite(tensor, elements)
}

/** Null where the element type is unknown. */
function heldElements({ dataType, raw, numbersTotal }: StatedTensor): number | null {
  const type = elementTypes.get(dataType)
  if (!type) return null
  return raw === null ? numbersTotal : raw.length / type.bytes
}

/**
 * NaN is never a weight. Infinity is not either, but for a single number: exporters fill masks with
 * minus infinity, and what comes of it is seen when the model runs.
 */
function checkFinite(tensor: StatedTensor, elements: number): ModelRefusal | null {
  for (const value of floatsOf(tensor)) {
    if (Number.isNaN(value) || (elements > 1 && !Number.isFinite(value))) {
      return refuse('weights_not_finite', `The constant ${nameOf(tensor)} holds ${value}.`)
    }
  }
  return null
}

function* floatsOf({ dataType, raw, numbers }: StatedTensor): Iterable<number> {
  const type = elementTypes.get(dataType)?.name
  const isHalf = type === 'float16' || type === 'bfloat16'
  if (raw === null) {
    // Halves lie as bits in the list of whole numbers.
    for (const value of numbers) yield isHalf ? halfOf(value, type) : value
    return
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  if (type === 'float32') {
    for (let at = 0; at < raw.length; at += 4) yield view.getFloat32(at, true)
  } else if (type === 'float64') {
    for (let at = 0; at < raw.length; at += 8) yield view.getFloat64(at, true)
  } else if (isHalf) {
    for (let at = 0; at < raw.length; at += 2) yield halfOf(view.getUint16(at, true), type)
  }
}

/** Whether a half is finite is in its exponent; its value does not matter here. */
function halfOf(bits: number, type: 'float16' | 'bfloat16'): number {
  const [exponent, fraction] = type === 'float16' ? [0x7c00, 0x03ff] : [0x7f80, 0x007f]
  if ((bits & exponent) !== exponent) return 0
  return (bits & fraction) === 0 ? Number.POSITIVE_INFINITY : Number.NaN
}

/**
 * Sizes that nodes make of constants alone, which a runtime makes already when it loads the model. A size
 * that depends on the input is bounded by the memory of the process that runs it.
 */
function checkMade(file: OnnxFile): ModelRefusal | null {
  const constants = constantShapes(file)
  for (const node of file.nodes) {
    const elements = elementsMade(node, constants)
    if (elements !== null && elements > examinationBounds.constantElementsMax) {
      return tooLarge(`made by ${node.opType} ${JSON.stringify(node.outputs[0] ?? '')}`, elements)
    }
  }
  return null
}

/** Constants of whole numbers by name: what can be a shape. */
function constantShapes({ initializers, nodes }: OnnxFile): Map<string, readonly number[]> {
  const shapes = new Map(initializers.map((tensor) => [tensor.name, integersOf(tensor)]))
  for (const { opType, outputs, tensors, integers } of nodes) {
    if (opType !== 'Constant') continue
    const [tensor] = tensors
    const listed = integers.get('value_ints') ?? integers.get('value_int') ?? []
    shapes.set(outputs[0] ?? '', tensor ? integersOf(tensor) : listed)
  }
  return shapes
}

/** Null where the size is not known before the model runs. */
function elementsMade(
  { opType, inputs }: StatedNode,
  constants: ReadonlyMap<string, readonly number[]>,
): number | null {
  const at = (input: number) => constants.get(inputs[input] ?? '')
  switch (opType) {
    case 'ConstantOfShape':
      return product(at(0))
    case 'Expand':
    case 'Tile':
      return product(at(1))
    case 'OneHot':
      return at(1)?.[0] ?? null
    case 'Pad':
      return at(1)?.reduce((sum, value) => sum + Math.abs(value), 0) ?? null
    case 'Range':
      return rangeLength(at(0)?.[0], at(1)?.[0], at(2)?.[0])
    default:
      return null
  }
}

function rangeLength(start?: number, limit?: number, delta?: number): number | null {
  if (start === undefined || limit === undefined || delta === undefined) return null
  return Math.abs((limit - start) / (delta || 1))
}

function product(sizes: readonly number[] | undefined): number | null {
  return sizes?.reduce((total, size) => total * Math.max(0, size), 1) ?? null
}

/** A shape has few numbers; the first thousand of a longer constant are no shape. */
function integersOf({ dataType, raw, numbers }: StatedTensor): readonly number[] {
  const type = elementTypes.get(dataType)?.name
  const shapeMax = 1_000
  if (raw === null) return numbers.slice(0, shapeMax)
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const read =
    type === 'int64'
      ? (at: number) => Number(view.getBigInt64(at * 8, true))
      : type === 'int32'
        ? (at: number) => view.getInt32(at * 4, true)
        : null
  if (read === null) return []
  const length = Math.min(shapeMax, Math.floor(raw.length / (type === 'int64' ? 8 : 4)))
  return Array.from({ length }, (_, at) => read(at))
}

/** Null where a dimension is negative or past what can be counted. */
function elementsOf(dims: readonly number[]): number | null {
  const total = dims.reduce((elements, size) => elements * size, 1)
  return dims.every((size) => size >= 0) && Number.isSafeInteger(total) ? total : null
}

function nameOf({ name }: StatedTensor): string {
  return JSON.stringify(name.slice(0, 100))
}

function tooLarge(what: string, elements: number): ModelRefusal {
  return refuse(
    'tensor_too_large',
    `The constant ${what} would have ${elements} elements, which no POP has room for.`,
  )
}
