import { highestEntries } from './highest-entries.ts'
import { readInitializers, readMetadata } from './onnx-model.ts'
import type { Candidates } from './session-knn.ts'

/** Hours of a weekday, then those of a day at the weekend. */
export const slotsTotal = 48

/** Which of them a moment is in, as the clock on the wall shows it: hour 0 to 23, weekday 1 (Monday) to 7. */
export function slotOf({
  hour,
  weekday,
}: {
  readonly hour: number
  readonly weekday: number
}): number {
  const whole = Math.min(23, Math.max(0, Math.floor(hour)))
  return weekday >= 6 ? 24 + whole : whole
}

/** What is taken at which time, by dense item numbers; each list has one more element, for the padding of the input. */
export interface TasteModel {
  /** What share of all that is taken in a slot an item is; slot after slot. */
  readonly shares: Float32Array
  /** The same whenever it is; 1 for the padding. */
  readonly overall: Float32Array
  /** What the session counts beside the hour, 0 to 1. */
  readonly sessionWeight: number
  /** How many candidates of a session are read, and how many items come out at most. */
  readonly candidatesMax: number
}

export const tasteMetadataKeys = {
  sessionWeight: 'time-of-day/session-weight',
  candidatesMax: 'time-of-day/candidates-max',
} as const

/** What a session adds up to at least: nothing divides by 0. */
export const sessionTotalMin = 1e-9

/** Rebuilds a model from its file. Throws where it is none. */
export function tasteFromModel(modelBytes: Uint8Array): TasteModel {
  const tensors = readInitializers(modelBytes)
  const metadata = readMetadata(modelBytes)
  const [shares, overall] = ['shares', 'overall'].map((name) => tensors.get(name)?.data)
  if (!(shares instanceof Float32Array && overall instanceof Float32Array)) {
    throw new Error('not a model of the time of day')
  }
  return {
    ...{ shares, overall },
    sessionWeight: Number(metadata.get(tasteMetadataKeys.sessionWeight)),
    candidatesMax: Number(metadata.get(tasteMetadataKeys.candidatesMax)),
  }
}

/** The inputs of the ONNX graph: a session's candidates, padded; those that the model does not know are left out. */
export function tasteInputs(
  { items, scores }: Candidates,
  { itemsTotal, candidatesMax }: { readonly itemsTotal: number; readonly candidatesMax: number },
) {
  const candidates = new Int32Array(candidatesMax).fill(itemsTotal)
  const weights = new Float32Array(candidatesMax)
  let known = 0
  for (const [at, item] of items.entries()) {
    if (item >= itemsTotal || known === candidatesMax) continue
    candidates[known] = item
    weights[known] = scores[at] as number
    known++
  }
  return { candidates, weights }
}

/**
 * Scores items at a time, in plain TypeScript: the fallback where WASM is not usable, and the oracle the ONNX graph is
 * tested against. Every step rounds to float32 and adds in the order of the graph.
 */
export function scoreTaste(model: TasteModel, slot: number, near: Candidates): Candidates {
  const { overall, sessionWeight, candidatesMax } = model
  const itemsTotal = overall.length - 1
  const row = model.shares.subarray(slot * overall.length, (slot + 1) * overall.length)
  const { candidates, weights } = tasteInputs(near, { itemsTotal, candidatesMax })
  let total = 0
  for (const [at, item] of candidates.entries()) {
    const lift = Math.fround((row[item] as number) / (overall[item] as number))
    weights[at] = (weights[at] as number) * lift
    total = Math.fround(total + (weights[at] as number))
  }
  const hourWeight = Math.fround(1 - Math.fround(sessionWeight))
  const all = row.map((share) => share * hourWeight)
  const divisor = Math.max(total, Math.fround(sessionTotalMin))
  for (const [at, item] of candidates.entries()) {
    const share = Math.fround((weights[at] as number) / divisor)
    all[item] = (all[item] as number) + Math.fround(share * Math.fround(sessionWeight))
  }
  const entries = Array.from({ length: itemsTotal }, (_, item) => item)
  const best = highestEntries(all, entries, Math.min(candidatesMax, itemsTotal))
  return {
    items: Int32Array.from(best),
    scores: Float32Array.from(best, (item) => all[item] as number),
  }
}
