import { onnxDataTypes } from '#shared/onnx-model.ts'
import {
  indexArrays,
  type SessionKnnIndex,
  scoreTotalMin,
  settingsMetadataKey,
} from '#shared/session-knn.ts'
import { gatherRows } from '../onnx/gather-rows.ts'
import { type GraphBuilder, newModel, type Value } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file: its constants are the index, its nodes the maths of `scoreSession`, step for
 * step and in the same order. Input `session`: int32 [sessionItemsMax] as `modelInput` makes it.
 * Outputs `items` (int32) and `scores` (float), [candidatesMax] or all items if there are fewer.
 */
export function buildModel(index: SessionKnnIndex): Uint8Array {
  const { model, graph } = newModel('session-knn', opset)
  for (const name of indexArrays) graph.constant(name, index[name])
  const items = index.itemCandidateWeights.length - 1
  const window = paddedWindow(graph, items)
  const matches = findMatches(graph, window, index)
  const votes = votesOf(graph, keepNewestMatch(graph, matches, index))
  const near = scoresOf(graph, votes, items)
  const scores = boostSeen(graph, addRules(graph, window, near, index), window)
  const candidates = Math.min(index.settings.candidatesMax, items)
  outputBest(graph, scores, candidates)
  const vectorOf = (name: string, dataType: 1 | 6, length: number) => ({
    name,
    dataType,
    dims: [length],
  })
  model.inputs.push(vectorOf('session', onnxDataTypes.int32, index.settings.sessionItemsMax))
  model.outputs.push(vectorOf('items', onnxDataTypes.int32, candidates))
  model.outputs.push(vectorOf('scores', onnxDataTypes.float, candidates))
  model.metadata.set(settingsMetadataKey, JSON.stringify(index.settings))
  return writeModel(model)
}

/** Padding becomes the item after the last one, whose lists are empty. */
function paddedWindow(graph: GraphBuilder, items: number): Value {
  const real = graph.op('GreaterOrEqual', ['session', graph.int32(0)])
  return graph.op('Where', [real, 'session', graph.int32(items)])
}

interface Matches {
  /** For each posting of the window's items: its session, the place of the item there and here. */
  sessions: Value
  positions: Value
  places: Value
  /** Similarity of every session, 0 if it is not among the k nearest. */
  kept: Value
}

function findMatches(graph: GraphBuilder, window: Value, index: SessionKnnIndex): Matches {
  const { elements, rows: places } = gatherRows(graph, 'postingOffsets', window)
  const sessions = graph.toInt32(graph.op('Gather', ['postingSessions', elements]))
  const positions = graph.toInt32(graph.op('Gather', ['postingPositions', elements]))
  const itemWeights = graph.op('Gather', ['itemWindowWeights', window])
  const weights = graph.op('Mul', ['windowWeights', itemWeights])
  const none = zeros(graph, index.sessionWeights.length)
  const shared = graph.addAt(none, sessions, graph.op('Gather', [weights, places]))
  const similarities = graph.op('Mul', [shared, 'sessionWeights'])
  const nearest = Math.min(index.settings.neighboursMax, index.sessionWeights.length)
  const [values, indices] = highest(graph, similarities, nearest, 'neighbour')
  const kept = graph.op('ScatterElements', [none, indices, values], { axis: 0 })
  return { sessions, positions, places, kept }
}

interface Neighbours {
  sessions: Value
  positions: Value
  votes: Value
}

/**
 * Keeps of each neighbour the posting of its newest shared item. Every place of the window is one
 * bit, the newest the highest; a posting is the newest if no higher bit of its session is set.
 */
function keepNewestMatch(
  graph: GraphBuilder,
  { sessions, positions, places, kept }: Matches,
  index: SessionKnnIndex,
): Neighbours {
  const places0 = index.settings.sessionItemsMax - 1
  const bits = Float32Array.from({ length: places0 + 1 }, (_, place) => 2 ** (places0 - place))
  const bitOfEach = graph.op('Gather', [graph.constant('placeBits', bits), places])
  const none = zeros(graph, index.sessionWeights.length)
  const bitsOfSession = graph.addAt(none, sessions, bitOfEach)
  const bitsHere = graph.op('Gather', [bitsOfSession, sessions])
  const isNewest = graph.op('Less', [bitsHere, graph.op('Mul', [bitOfEach, graph.float(2)])])
  const similarities = graph.op('Gather', [kept, sessions])
  const isKept = graph.op('Greater', [similarities, graph.float(0)])
  const chosen = graph.op('And', [isNewest, isKept])
  const only = (values: Value) => graph.op('Compress', [values, chosen], { axis: 0 })
  const matchWeights = graph.op('Gather', ['matchWeights', only(places)])
  return {
    sessions: only(sessions),
    positions: only(positions),
    votes: graph.op('Mul', [only(similarities), matchWeights]),
  }
}

interface Votes {
  items: Value
  weights: Value
  /** For each vote a 0: where to add it up for the total. */
  zeros: Value
}

/** Each neighbour votes for its items, the more the nearer they are to the shared one. */
function votesOf(graph: GraphBuilder, neighbours: Neighbours): Votes {
  const { elements, rows, starts } = gatherRows(graph, 'sessionOffsets', neighbours.sessions)
  const items = graph.toInt32(graph.op('Gather', ['sessionItems', elements]))
  const shared = graph.op('Add', [starts, neighbours.positions])
  const steps = graph.op('Sub', [elements, graph.op('Gather', [shared, rows])])
  const byDistance = graph.op('Gather', ['distanceWeights', graph.op('Abs', [steps])])
  const near = graph.op('Mul', [graph.op('Gather', [neighbours.votes, rows]), byDistance])
  const byItem = graph.op('Gather', ['itemCandidateWeights', items])
  return {
    items,
    weights: graph.op('Mul', [near, byItem]),
    zeros: graph.op('Mul', [rows, graph.int32(0)]),
  }
}

/** Sums the votes by item and divides by their total; ReduceSum would add in an order of its own. */
function scoresOf(graph: GraphBuilder, votes: Votes, items: number): Value {
  const sums = graph.addAt(zeros(graph, items + 1), votes.items, votes.weights)
  const total = graph.addAt(zeros(graph, 1), votes.zeros, votes.weights)
  return graph.op('Div', [sums, graph.op('Max', [total, graph.float(scoreTotalMin)])])
}

function addRules(graph: GraphBuilder, window: Value, scores: Value, index: SessionKnnIndex) {
  const places = Math.min(index.ruleRowWeights.length, index.settings.sessionItemsMax)
  if (places === 0) return scores
  const newest = graph.op('Slice', [window, graph.int32(0), graph.int32(places)])
  const { elements, rows } = gatherRows(graph, 'ruleOffsets', newest)
  const items = graph.toInt32(graph.op('Gather', ['ruleItems', elements]))
  const shares = graph.op('Gather', ['ruleShares', elements])
  const exact = graph.op('Cast', [shares], { to: onnxDataTypes.float })
  const weights = graph.op('Mul', [exact, graph.op('Gather', ['ruleRowWeights', rows])])
  return graph.addAt(scores, items, weights)
}

function boostSeen(graph: GraphBuilder, scores: Value, window: Value) {
  const boosted = graph.op('Mul', [graph.op('Gather', [scores, window]), 'seenWeights'])
  return graph.op('ScatterElements', [scores, window, boosted], { axis: 0 })
}

function outputBest(graph: GraphBuilder, scores: Value, candidates: number): void {
  const count = graph.int64(candidates)
  graph.ops('TopK', [scores, count], ['scores', 'items_int64'], { axis: 0 })
  graph.ops('Cast', ['items_int64'], ['items'], { to: onnxDataTypes.int32 })
}

function highest(graph: GraphBuilder, values: Value, count: number, name: string): [Value, Value] {
  const outputs: [Value, Value] = [`${name}_values`, `${name}_indices`]
  graph.ops('TopK', [values, graph.int64(count)], outputs, { axis: 0 })
  return outputs
}

function zeros(graph: GraphBuilder, length: number): Value {
  return graph.filled(graph.int64(length), Float32Array.of(0))
}
