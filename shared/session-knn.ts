import { highestEntries } from './highest-entries.ts'
import { readInitializers, readMetadata, type Tensor } from './onnx-model.ts'

/** Hyper-parameters of the family; models/session-knn/README.md has the maths behind each. */
export interface SessionKnnSettings {
  /** L: how many last distinct items feed the model; at most `sessionItemsLimit`. */
  sessionItemsMax: number
  /** m: for each item, how many of the most recent sessions with it are looked at. */
  sampleSessionsMax: number
  /** k: how many of these sessions vote. */
  neighboursMax: number
  /** K: how many scored items come out. */
  candidatesMax: number
  /** An item j places before the newest weighs exp(-j / windowDecayItems) in the similarity. */
  windowDecayItems: number
  /** A neighbour whose newest shared item lies j places back votes with exp(-j / matchDecayItems). */
  matchDecayItems: number
  /** Items d steps from the shared item get exp(-d / neighbourDecaySteps) of the vote. */
  neighbourDecaySteps: number
  sessionHalfLifeDays: number
  windowIdfExponent: number
  candidateIdfExponent: number
  /** How much the rules count beside the neighbours, whose scores sum to 1; 0 leaves rules out. */
  ruleWeight: number
  /** Items of one session at most this far apart make a rule. */
  ruleStepsMax: number
  ruleDistanceExponent: number
  ruleHalfLifeDays: number
  /** What the rule later → earlier item counts beside earlier → later. */
  ruleBackwardWeight: number
  /** What the items near a rule's items count beside them: the second step of a walk; 0 is one step. */
  ruleHopWeight: number
  rulesPerItemMax: number
  /** The rules of how many last items are used, each older one weighing `ruleDiscount` times less. */
  ruleItemsMax: number
  ruleDiscount: number
  /** Scores of items already in the window are multiplied by this: people come back to them. */
  seenBoost: number
  /** The same for the newest item, where the answer may hold it. */
  currentBoost: number
  /** What of `modelBytesMax` the sessions may take where there are rules, 0 to 1; the rules get the rest. */
  sessionsShare: number
  /** The builder keeps only the most recent sessions that fit into a model file of this size. */
  modelBytesMax: number
}

/** The newest match is found by one bit an item in a float32, which counts exactly up to 2^24. */
export const sessionItemsLimit = 24
/** A position within a neighbour session is stored in a byte. */
export const neighbourItemsLimit = 256

export type Numbers = Uint16Array | Int32Array

/**
 * The index, in the layout of the ONNX initializers (same names). Session 0 is the newest. Row r of
 * a list is elements `offsets[r]` to `offsets[r + 1]`; the item lists have one more, empty row for
 * the padding of the input.
 */
export interface SessionKnnIndex {
  settings: SessionKnnSettings
  postingOffsets: Int32Array
  postingSessions: Numbers
  /** Where in the session the item last occurs. */
  postingPositions: Uint8Array
  sessionOffsets: Int32Array
  sessionItems: Numbers
  sessionWeights: Float32Array
  itemWindowWeights: Float32Array
  itemCandidateWeights: Float32Array
  ruleOffsets: Int32Array
  ruleItems: Numbers
  /** Shares of 65,535 of the row. */
  ruleShares: Uint16Array
  windowWeights: Float32Array
  matchWeights: Float32Array
  distanceWeights: Float32Array
  ruleRowWeights: Float32Array
  /** What the score of the item at each place of the window is multiplied by. */
  seenWeights: Float32Array
}

/** Scored items, best first; items without evidence are left out, so it may be short or empty. */
export interface Candidates {
  items: Int32Array
  scores: Float32Array
}

/** Totals below this count as none, so that nothing is divided by zero. */
export const scoreTotalMin = Math.fround(1e-30)
export const settingsMetadataKey = 'session-knn/settings'

/**
 * The window both scorers see: the last distinct items, newest first, padded with -1 to
 * `sessionItemsMax`. A repeated item stands where it was seen last.
 */
export function modelInput(
  session: Int32Array,
  settings: Pick<SessionKnnSettings, 'sessionItemsMax'>,
): Int32Array {
  const window = new Int32Array(settings.sessionItemsMax).fill(-1)
  let filled = 0
  for (let at = session.length - 1; at >= 0 && filled < window.length; at--) {
    const item = session[at] as number
    if (!window.includes(item)) window[filled++] = item
  }
  return window
}

/** Turns the model's padded outputs into candidates: what has no evidence is at the end with score 0. */
export function candidatesFromOutputs(
  items: ArrayLike<number>,
  scores: ArrayLike<number>,
): Candidates {
  let length = 0
  while (length < scores.length && (scores[length] as number) > 0) length++
  return {
    items: Int32Array.from({ length }, (_, at) => items[at] as number),
    scores: Float32Array.from({ length }, (_, at) => scores[at] as number),
  }
}

/** Scores sessions of dense item numbers, oldest first. */
export type SessionScorer = (session: Int32Array) => Candidates

/** Scores one session; whoever scores many makes a `sessionScorer` once. */
export function scoreSession(index: SessionKnnIndex, session: Int32Array): Candidates {
  return sessionScorer(index)(session)
}

/**
 * Scores sessions in plain TypeScript: the fallback where WASM is not usable, and the oracle the
 * ONNX graph is tested against. The sums are allocated once and emptied after each session: of a large
 * shop they are a megabyte.
 *
 * Every step rounds to float32 and adds in the order of the graph, so that both pick the same
 * neighbours even where two sessions differ in the last bit.
 */
export function sessionScorer(index: SessionKnnIndex): SessionScorer {
  const sessionsTotal = index.sessionWeights.length
  const matches: Matches = { ...emptySums(sessionsTotal), newest: new Uint8Array(sessionsTotal) }
  const kept = emptySums(sessionsTotal)
  const scores = emptySums(index.itemCandidateWeights.length)
  return (session) => {
    const window = modelInput(session, index.settings).filter((item) => item >= 0)
    findMatches(index, window, matches)
    keepNeighbours(index, matches, kept)
    voteOfNeighbours(index, window, matches, kept, scores)
    addRules(index, window, scores)
    window.forEach((item, place) => {
      scores.values[item] = at(scores.values, item) * at(index.seenWeights, place)
    })
    const best = bestCandidates(index, scores)
    for (const sums of [matches, kept, scores]) empty(sums)
    return best
  }
}

/** Sparse sums: `values` is dense, `touched` lists the entries above 0, each once. */
interface Sums {
  readonly values: Float32Array
  touched: number[]
}

interface Matches extends Sums {
  /** Place in the window of each session's newest shared item. */
  readonly newest: Uint8Array
}

function emptySums(length: number): Sums {
  return { values: new Float32Array(length), touched: [] }
}

function empty(sums: Sums): void {
  for (const entry of sums.touched) sums.values[entry] = 0
  sums.touched = []
}

// All weights are positive, so an entry is 0 only if nothing was added yet, or what was underflowed.
function add(sums: Sums, entry: number, weight: number): void {
  const before = at(sums.values, entry)
  sums.values[entry] = before + weight
  if (before === 0 && at(sums.values, entry) > 0) sums.touched.push(entry)
}

function findMatches(index: SessionKnnIndex, window: Int32Array, matches: Matches): void {
  window.forEach((item, place) => {
    const weight = Math.fround(at(index.windowWeights, place) * at(index.itemWindowWeights, item))
    for (let p = at(index.postingOffsets, item); p < at(index.postingOffsets, item + 1); p++) {
      const session = at(index.postingSessions, p)
      if (matches.values[session] === 0) matches.newest[session] = place
      add(matches, session, weight)
    }
  })
}

/** The similarity of the k most similar sessions, 0 for all others. */
function keepNeighbours(index: SessionKnnIndex, matches: Matches, kept: Sums): void {
  const { values, touched } = matches
  for (const session of touched) {
    values[session] = at(values, session) * at(index.sessionWeights, session)
  }
  for (const session of highestEntries(values, touched, index.settings.neighboursMax)) {
    add(kept, session, at(values, session))
  }
}

/** Each neighbour votes for the items around the newest item it shares with the window. */
function voteOfNeighbours(
  index: SessionKnnIndex,
  window: Int32Array,
  matches: Matches,
  kept: Sums,
  scores: Sums,
): void {
  const total = new Float32Array(1)
  window.forEach((item, place) => {
    for (let p = at(index.postingOffsets, item); p < at(index.postingOffsets, item + 1); p++) {
      const session = at(index.postingSessions, p)
      if (at(kept.values, session) === 0 || matches.newest[session] !== place) continue
      const vote = Math.fround(at(kept.values, session) * at(index.matchWeights, place))
      voteOfNeighbour(index, session, at(index.postingPositions, p), vote, scores, total)
    }
  })
  const divisor = Math.max(at(total, 0), scoreTotalMin)
  for (const item of scores.touched) scores.values[item] = at(scores.values, item) / divisor
}

function voteOfNeighbour(
  index: SessionKnnIndex,
  session: number,
  matchPosition: number,
  vote: number,
  scores: Sums,
  total: Float32Array,
): void {
  const start = at(index.sessionOffsets, session)
  for (let click = start; click < at(index.sessionOffsets, session + 1); click++) {
    const item = at(index.sessionItems, click)
    const distance = Math.abs(click - start - matchPosition)
    const near = Math.fround(vote * at(index.distanceWeights, distance))
    const weight = Math.fround(near * at(index.itemCandidateWeights, item))
    add(scores, item, weight)
    total[0] = at(total, 0) + weight
  }
}

function addRules(index: SessionKnnIndex, window: Int32Array, scores: Sums): void {
  const places = Math.min(window.length, index.ruleRowWeights.length)
  for (let place = 0; place < places; place++) {
    const item = at(window, place)
    for (let rule = at(index.ruleOffsets, item); rule < at(index.ruleOffsets, item + 1); rule++) {
      const weight = Math.fround(at(index.ruleShares, rule) * at(index.ruleRowWeights, place))
      add(scores, at(index.ruleItems, rule), weight)
    }
  }
}

function bestCandidates(index: SessionKnnIndex, { values, touched }: Sums): Candidates {
  const items = new Int32Array(highestEntries(values, touched, index.settings.candidatesMax))
  const scores = new Float32Array(items.length)
  items.forEach((item, place) => {
    scores[place] = at(values, item)
  })
  return { items, scores }
}

// Offsets of an index are consistent by construction, so a missing element is a bug, not a case.
function at(array: { [index: number]: number }, position: number): number {
  return array[position] as number
}

/** The names of the ONNX initializers that are the index, in the order they are written. */
export const indexArrays = [
  'postingOffsets',
  'postingSessions',
  'postingPositions',
  'sessionOffsets',
  'sessionItems',
  'sessionWeights',
  'itemWindowWeights',
  'itemCandidateWeights',
  'ruleOffsets',
  'ruleItems',
  'ruleShares',
  'windowWeights',
  'matchWeights',
  'distanceWeights',
  'ruleRowWeights',
  'seenWeights',
] as const satisfies (keyof SessionKnnIndex)[]

/**
 * Rebuilds the index from a session-knn model file, so that no second copy of it has to be shipped.
 * Throws with the missing part's name when the bytes are another kind of model.
 */
export function indexFromModel(modelBytes: Uint8Array): SessionKnnIndex {
  const settings = readMetadata(modelBytes).get(settingsMetadataKey)
  if (settings === undefined) throw new Error(`not a session-knn model: no ${settingsMetadataKey}`)
  const read: SessionKnnSettings = JSON.parse(settings)
  const tensors = withSeenWeights(readInitializers(modelBytes), read)
  const arrays = indexArrays.map((name) => [name, dataOf(tensors, name)])
  return { settings: read, ...Object.fromEntries(arrays) }
}

/** Releases made before the places had weights of their own have one for all. */
function withSeenWeights(tensors: Map<string, Tensor>, settings: SessionKnnSettings) {
  const boost = tensors.get('seenBoost')
  if (tensors.has('seenWeights') || boost === undefined) return tensors
  const data = new Float32Array(settings.sessionItemsMax).fill(boost.data[0] as number)
  return new Map([...tensors, ['seenWeights', { ...boost, dims: [data.length], data }]])
}

function dataOf(tensors: Map<string, Tensor>, name: string): Tensor['data'] {
  const tensor = tensors.get(name)
  if (tensor === undefined) throw new Error(`not a session-knn model: no initializer ${name}`)
  return tensor.data
}
