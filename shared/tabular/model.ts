import { readInitializers, readMetadata, type Tensor } from '../onnx-model.ts'

/** Logistic regression: score = sigmoid(Σ weight · feature + bias). */
export interface LogisticModel {
  readonly kind: 'logistic'
  /** One a column. */
  readonly weights: Float32Array
  /** Of length 1. */
  readonly bias: Float32Array
}

/** The tabular models that we make ourselves; their ONNX files hold the same numbers under the same names. */
export type OwnTabularModel = LogisticModel

export const kindMetadataKey = 'tabular/kind'

/**
 * Rebuilds one of our own tabular models from its file, so that no second copy has to be shipped.
 * Throws where the file is somebody else's: for that one there is no fallback in TypeScript.
 */
export function tabularFromModel(modelBytes: Uint8Array): OwnTabularModel {
  const kind = readMetadata(modelBytes).get(kindMetadataKey)
  if (kind !== 'logistic')
    throw new Error(`not a tabular model of ours: ${kindMetadataKey} is ${kind}`)
  const tensors = readInitializers(modelBytes)
  return { kind, weights: floats(tensors, 'weights'), bias: floats(tensors, 'bias') }
}

/** Scores a row (one value a column) in plain TypeScript, adding in the order of the graph. */
export function scoreRow(model: OwnTabularModel, row: Float32Array): number {
  const sum = new Float32Array(1)
  for (const [at, weight] of model.weights.entries()) {
    sum[0] = first(sum) + Math.fround(weight * (row[at] as number))
  }
  return sigmoid(Math.fround(first(sum) + first(model.bias)))
}

function sigmoid(margin: number): number {
  return Math.fround(1 / (1 + Math.exp(-margin)))
}

const first = (values: Float32Array) => values[0] as number

function floats(tensors: Map<string, Tensor>, name: string): Float32Array {
  const data = tensors.get(name)?.data
  if (data instanceof Float32Array) return data
  throw new Error(`not a tabular model of ours: no floats ${name}`)
}
