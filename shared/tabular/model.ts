import { readInitializers, readMetadata, type Tensor } from '../onnx-model.ts'

/** Logistic regression: margin = bias + Σ weight · feature. */
export interface LogisticModel {
  readonly kind: 'logistic'
  /** One a column. */
  readonly weights: Float32Array
  /** Of length 1. */
  readonly bias: Float32Array
}

/**
 * Boosted trees: margin = bias + Σ value of the leaf each tree leads to. A node sends a row to `nodeYes` where the
 * feature of its column is below its edge, else to `nodeNo`; a leaf to itself. `depth` steps reach every leaf.
 */
export interface TreesModel {
  readonly kind: 'trees'
  readonly depth: number
  /** The first node of each tree. */
  readonly roots: Int32Array
  readonly nodeColumns: Int32Array
  readonly nodeEdges: Float32Array
  readonly nodeYes: Int32Array
  readonly nodeNo: Int32Array
  readonly nodeValues: Float32Array
  /** Of length 1. */
  readonly bias: Float32Array
}

/** The tabular models that we make ourselves; their ONNX files hold the same numbers under the same names. */
export type OwnTabularModel = LogisticModel | TreesModel

export const tabularMetadataKeys = { kind: 'tabular/kind', depth: 'tabular/depth' } as const

/**
 * Rebuilds one of our own tabular models from its file, so that no second copy has to be shipped.
 * Throws where the file is somebody else's: for that one there is no fallback in TypeScript.
 */
export function tabularFromModel(modelBytes: Uint8Array): OwnTabularModel {
  const metadata = readMetadata(modelBytes)
  const kind = metadata.get(tabularMetadataKeys.kind)
  const tensors = readInitializers(modelBytes)
  const bias = floats(tensors, 'bias')
  if (kind === 'logistic') return { kind, weights: floats(tensors, 'weights'), bias }
  if (kind !== 'trees') throw notOurs(`kind ${kind}`)
  return {
    ...{
      kind,
      depth: Number(metadata.get(tabularMetadataKeys.depth)),
      roots: ints(tensors, 'roots'),
    },
    ...{ nodeColumns: ints(tensors, 'nodeColumns'), nodeEdges: floats(tensors, 'nodeEdges') },
    ...{ nodeYes: ints(tensors, 'nodeYes'), nodeNo: ints(tensors, 'nodeNo') },
    ...{ nodeValues: floats(tensors, 'nodeValues'), bias },
  }
}

/**
 * Scores a row (one value a column), 0 to 1, in plain TypeScript: the fallback where WASM is not usable, and the
 * oracle the ONNX graph is tested against. Every step rounds to float32 and adds in the order of the graph.
 */
export function scoreRow(model: OwnTabularModel, row: Float32Array): number {
  return Math.fround(1 / (1 + Math.exp(-marginOf(model, row))))
}

/** The log odds of a row. */
export function marginOf(model: OwnTabularModel, row: Float32Array): number {
  const sum = model.kind === 'logistic' ? sumOfWeights(model, row) : sumOfLeaves(model, row)
  return Math.fround(sum + at(model.bias, 0))
}

function sumOfWeights({ weights }: LogisticModel, row: Float32Array): number {
  let sum = 0
  for (const [column, weight] of weights.entries()) {
    sum = Math.fround(sum + Math.fround(weight * at(row, column)))
  }
  return sum
}

function sumOfLeaves(model: TreesModel, row: Float32Array): number {
  let sum = 0
  for (const root of model.roots) {
    let node = root
    for (let step = 0; step < model.depth; step++) {
      const isBelow = at(row, at(model.nodeColumns, node)) < at(model.nodeEdges, node)
      node = isBelow ? at(model.nodeYes, node) : at(model.nodeNo, node)
    }
    sum = Math.fround(sum + at(model.nodeValues, node))
  }
  return sum
}

const at = (values: { [index: number]: number }, place: number) => values[place] as number

function floats(tensors: Map<string, Tensor>, name: string): Float32Array {
  const data = tensors.get(name)?.data
  if (data instanceof Float32Array) return data
  throw notOurs(`no floats ${name}`)
}

function ints(tensors: Map<string, Tensor>, name: string): Int32Array {
  const data = tensors.get(name)?.data
  if (data instanceof Int32Array) return data
  throw notOurs(`no whole numbers ${name}`)
}

const notOurs = (reason: string) => new Error(`not a tabular model of ours: ${reason}`)
