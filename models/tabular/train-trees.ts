import type { TreesModel } from '#shared/tabular/model.ts'
import { binned } from './bins.ts'
import { baseRate, type Examples, logit, logLoss, rowOf, sigmoid } from './examples.ts'
import { growTree, type Tree, type TreeSettings } from './grow-tree.ts'

export interface TreesSettings extends TreeSettings {
  readonly treesMax: number
  readonly learningRate: number
  readonly binsMax: number
  /** Growing ends when so many trees in a row made nothing better for the examples held back. */
  readonly patienceTrees: number
}

export const defaultTreesSettings: TreesSettings = {
  ...{ treesMax: 400, learningRate: 0.1, binsMax: 255, patienceTrees: 30 },
  ...{ depthMax: 5, leafExamplesMin: 20, ridge: 1 },
}

/** Less than this is not worth a tree. */
const lossGainMin = 1e-6

/**
 * Gradient-boosted trees for a logistic loss, by histograms (Friedman 2001; Chen and Guestrin 2016; Ke et al. 2017).
 * As many trees as are best on `heldBack`. Same examples, same trees.
 */
export function trainTrees(
  examples: Examples,
  heldBack: Examples,
  settings: TreesSettings,
): TreesModel {
  const base = logit(baseRate(examples))
  const { labels } = examples
  const bins = binned(examples, settings.binsMax)
  const everywhere = Int32Array.from(labels, (_, place) => place)
  const margins = new Float64Array(labels.length).fill(base)
  const judging = new Float64Array(heldBack.labels.length).fill(base)
  const trees: Tree[] = []
  let best = { trees: 0, loss: logLoss(judging, heldBack.labels) }
  while (trees.length < settings.treesMax && trees.length - best.trees < settings.patienceTrees) {
    const grown = growTree(everywhere, bins, derivativesOf(margins, labels), settings)
    const tree = scaled(grown, settings.learningRate)
    trees.push(tree)
    addTo(margins, tree, examples)
    addTo(judging, tree, heldBack)
    const loss = logLoss(judging, heldBack.labels)
    if (loss < best.loss - lossGainMin) best = { trees: trees.length, loss }
  }
  return flattened(trees.slice(0, best.trees), base)
}

function derivativesOf(margins: Float64Array, labels: Uint8Array) {
  const probabilities = margins.map(sigmoid)
  return {
    slopes: probabilities.map((probability, at) => probability - (labels[at] as number)),
    curvatures: probabilities.map((probability) => probability * (1 - probability)),
  }
}

function scaled(tree: Tree, rate: number): Tree {
  if ('value' in tree) return { value: tree.value * rate }
  return { ...tree, yes: scaled(tree.yes, rate), no: scaled(tree.no, rate) }
}

function addTo(margins: Float64Array, tree: Tree, examples: Examples): void {
  for (let place = 0; place < margins.length; place++) {
    margins[place] = (margins[place] as number) + leafValueOf(tree, rowOf(examples, place))
  }
}

function leafValueOf(tree: Tree, row: Float32Array): number {
  let node = tree
  while (!('value' in node)) node = (row[node.column] as number) < node.edge ? node.yes : node.no
  return node.value
}

/** All trees in flat lists; a leaf goes on to itself, so that every tree can be walked equally deep. */
function flattened(trees: readonly Tree[], base: number): TreesModel {
  const nodes: { column: number; edge: number; yes: number; no: number; value: number }[] = []
  const roots: number[] = []
  let depth = 0
  const put = (tree: Tree, level: number): number => {
    const at = nodes.length
    const node = { column: 0, edge: 0, yes: at, no: at, value: 0 }
    nodes.push(node)
    depth = Math.max(depth, level)
    if ('value' in tree) node.value = tree.value
    else {
      node.column = tree.column
      node.edge = tree.edge
      node.yes = put(tree.yes, level + 1)
      node.no = put(tree.no, level + 1)
    }
    return at
  }
  for (const tree of trees) roots.push(put(tree, 0))
  // A model of no tree at all is its base; a leaf of 0 keeps the lists from being empty.
  if (trees.length === 0) roots.push(put({ value: 0 }, 0))
  const ints = (name: 'column' | 'yes' | 'no') => Int32Array.from(nodes, (node) => node[name])
  return {
    ...{ kind: 'trees', depth, roots: Int32Array.from(roots) },
    ...{ nodeColumns: ints('column'), nodeYes: ints('yes'), nodeNo: ints('no') },
    nodeEdges: Float32Array.from(nodes, (node) => node.edge),
    nodeValues: Float32Array.from(nodes, (node) => node.value),
    bias: Float32Array.of(base),
  }
}
