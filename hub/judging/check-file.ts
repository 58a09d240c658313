import { examinationBounds } from './bounds.ts'
import { checkTensors } from './check-tensors.ts'
import type { ModelContract, TensorContract } from './model-contract.ts'
import {
  type OnnxFile,
  OnnxUnreadable,
  readOnnxFile,
  type StatedNode,
  type StatedValue,
} from './onnx-file.ts'
import { allowedOperators, elementTypes, opsetMax, opsetMin } from './operators.ts'
import { type ModelRefusal, refuse } from './refusal.ts'

const lfsStart = 'version https://git-lfs.github.com/spec/'

/**
 * Everything that can be refused without running a model, the cheapest first: size, form, opset,
 * operators, what goes in and out, constants. Null where nothing is wrong.
 */
export function checkFile(bytes: Uint8Array, contract: ModelContract): ModelRefusal | null {
  const unread = checkBytes(bytes)
  if (unread) return unread
  try {
    const file = readOnnxFile(bytes)
    return (
      checkOpset(file) ?? checkOperators(file) ?? checkTensors(file) ?? checkValues(file, contract)
    )
  } catch (cause) {
    if (!(cause instanceof OnnxUnreadable)) throw cause
    return refuse('model_unreadable', `This is no ONNX file that can be read: ${cause.message}.`)
  }
}

/** What needs no look inside, so that a file of any size is refused before another process gets it. */
export function checkBytes(bytes: Uint8Array): ModelRefusal | null {
  if (new TextDecoder().decode(bytes.subarray(0, lfsStart.length)) === lfsStart) {
    return refuse(
      'model_is_lfs_pointer',
      'This is a Git LFS pointer, not the model: run "git lfs pull" and push the file it stands for.',
    )
  }
  const { modelBytesMax } = examinationBounds
  if (bytes.length <= modelBytesMax) return null
  return refuse(
    'model_too_large',
    `The model has ${bytes.length} bytes, ${modelBytesMax} are allowed: quantise or prune it.`,
  )
}

function checkOpset({ opset, hasFunctions, hasTraining }: OnnxFile): ModelRefusal | null {
  if (opset === null) return refuse('opset_not_supported', 'The file states no opset of ai.onnx.')
  if (opset < opsetMin || opset > opsetMax) {
    return refuse(
      'opset_not_supported',
      `The model is of opset ${opset}, supported are ${opsetMin} to ${opsetMax}: export it anew.`,
    )
  }
  if (!hasFunctions && !hasTraining) return null
  const what = hasFunctions ? 'functions of its own' : 'a training graph'
  return refuse('operator_not_allowed', `The model brings ${what}; only its plain graph may stay.`)
}

function checkOperators({ nodes }: OnnxFile): ModelRefusal | null {
  for (const node of nodes) {
    const wrong = wrongWith(node)
    if (wrong) return refuse('operator_not_allowed', wrong)
  }
  return null
}

function wrongWith({ opType, domain, hasSubgraph, hasSparse }: StatedNode): string | null {
  const name = JSON.stringify(opType.slice(0, 100))
  if (domain !== '' && domain !== 'ai.onnx') {
    const found = JSON.stringify(domain.slice(0, 100))
    return `The operator ${name} is of the domain ${found}; only those of ai.onnx run at a POP.`
  }
  if (!allowedOperators.has(opType)) return `The operator ${name} is not among those allowed.`
  if (hasSubgraph) return `The operator ${name} holds a graph of its own.`
  return hasSparse ? `The operator ${name} holds a sparse constant.` : null
}

function checkValues(file: OnnxFile, contract: ModelContract): ModelRefusal | null {
  // Until IR version 4 every constant had to be an input as well.
  const constants = new Set(file.initializers.map(({ name }) => name))
  const inputs = file.inputs.filter(({ name }) => !constants.has(name))
  const inputWrong = differences('input', inputs, [contract.input])
  if (inputWrong) return refuse('model_inputs_differ', inputWrong)
  const outputWrong = differences('output', file.outputs, contract.outputs)
  return outputWrong ? refuse('model_outputs_differ', outputWrong) : null
}

function differences(
  what: 'input' | 'output',
  found: readonly StatedValue[],
  wanted: readonly TensorContract[],
): string | null {
  for (const value of wanted) {
    const same = found.find(({ name }) => name === value.name)
    if (!same || !isAs(same, value)) {
      return `The ${what} ${shown(value)} is declared, the file has ${listed(found)}.`
    }
  }
  if (found.length === wanted.length) return null
  return `The file has more ${what}s than declared: ${listed(found)}.`
}

/** A dimension that the file leaves open is taken as declared, and seen when the model runs. */
function isAs(found: StatedValue, wanted: TensorContract): boolean {
  const isOpen = found.dims.length === 0
  return (
    elementTypes.get(found.dataType)?.name === wanted.type &&
    (isOpen || found.dims.length === wanted.dims.length) &&
    found.dims.every((size, at) => size === null || size === wanted.dims[at])
  )
}

function listed(values: readonly StatedValue[]): string {
  const shownMax = 5
  const names = values
    .slice(0, shownMax)
    .map((value) =>
      shown({ ...value, type: elementTypes.get(value.dataType)?.name ?? `type ${value.dataType}` }),
    )
  return names.length === 0 ? 'none' : names.join(', ')
}

function shown(value: {
  readonly name: string
  readonly type: string
  readonly dims: readonly (number | null)[]
}): string {
  const dims = value.dims.slice(0, 8).map((size) => size ?? '?')
  return `${JSON.stringify(value.name.slice(0, 100))} ${value.type}[${dims.join(', ')}]`
}
